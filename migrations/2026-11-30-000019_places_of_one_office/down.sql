DROP INDEX pms_writebacks_payments;
DROP INDEX pms_writebacks_open;
ALTER TABLE pms_appointment_types DROP COLUMN clinician_kind;
DROP FUNCTION pms_budget_of;
ALTER TABLE slot_holds DROP CONSTRAINT slot_holds_one_wins;
-- A hold that stood beside the one of its own appointment's old time cannot any more: the new time stays.
UPDATE slot_holds h SET released_at = now() WHERE released_at IS NULL AND EXISTS (
    SELECT FROM slot_holds o WHERE o.released_at IS NULL AND o.booking = h.booking AND o.id > h.id AND o.kind = h.kind
        AND o.vendor_id = h.vendor_id AND o.starts_at < h.ends_at AND o.ends_at > h.starts_at);
ALTER TABLE slot_holds DROP COLUMN booking, DROP COLUMN calendar;
ALTER TABLE slot_holds ADD CONSTRAINT slot_holds_one_wins EXCLUDE USING gist (
    connection_id WITH =,
    kind WITH =,
    vendor_id WITH =,
    tstzrange(starts_at, ends_at) WITH &&
) WHERE (released_at IS NULL);
DROP FUNCTION pms_calendar;
