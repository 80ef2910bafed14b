DROP INDEX pms_writebacks_queued;
DROP INDEX staff_tasks_of_tool_call;
ALTER TABLE staff_tasks DROP CONSTRAINT staff_tasks_tool_call;
ALTER TABLE staff_tasks DROP COLUMN tool_call_id;
ALTER TABLE staff_tasks DROP COLUMN call_id;
DROP TABLE call_guesses;
