DROP TABLE rounds;
DROP TABLE application_budgets;
