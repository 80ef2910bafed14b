ALTER TABLE pms_writebacks DROP CONSTRAINT pms_writebacks_operation_check;
ALTER TABLE pms_writebacks ADD CONSTRAINT pms_writebacks_operation_check CHECK (operation IN (
    'create_patient', 'book_appointment', 'reschedule_appointment', 'cancel_appointment', 'add_note'));
DROP TABLE call_identities;
ALTER TABLE tenants DROP COLUMN identity_rules;
