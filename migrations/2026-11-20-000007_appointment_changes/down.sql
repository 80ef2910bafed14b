DROP INDEX pms_writebacks_changes;
DROP INDEX pms_writebacks_one_change;
ALTER TABLE pms_writebacks DROP COLUMN appointment;
ALTER TABLE pms_writebacks DROP CONSTRAINT pms_writebacks_operation_check;
ALTER TABLE pms_writebacks ADD CONSTRAINT pms_writebacks_operation_check CHECK (operation IN (
    'create_patient', 'book_appointment'));
