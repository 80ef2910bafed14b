DROP TABLE slot_holds;
DROP TABLE pms_writeback_attempts;
DROP TABLE pms_writebacks;
DROP TABLE pms_request_budgets;
DROP TABLE pms_connections;
