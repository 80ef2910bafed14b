DROP TABLE webhook_acceptances;
ALTER TABLE tool_calls DROP COLUMN runner;
