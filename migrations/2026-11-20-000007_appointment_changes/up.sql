ALTER TABLE pms_writebacks DROP CONSTRAINT pms_writebacks_operation_check;
ALTER TABLE pms_writebacks ADD CONSTRAINT pms_writebacks_operation_check CHECK (operation IN (
    'create_patient', 'book_appointment', 'reschedule_appointment', 'cancel_appointment', 'add_note'));

-- The vendor's id of the appointment that a write changes, where it changes one that is there.
ALTER TABLE pms_writebacks ADD COLUMN appointment text;
-- Two changes of one appointment at once might be carried out in either order: the second waits until the
-- first is over.
CREATE UNIQUE INDEX pms_writebacks_one_change ON pms_writebacks (connection_id, appointment)
    WHERE appointment IS NOT NULL AND state IN ('queued', 'sending', 'unknown', 'submitted');
CREATE INDEX pms_writebacks_changes ON pms_writebacks (connection_id, finished_at)
    WHERE appointment IS NOT NULL;
