-- In whose calendar a hold stands. A chair is of its location. A clinician who works at several locations of one
-- database is one person: whoever books them at one keeps them busy at all.
CREATE FUNCTION pms_calendar(connection uuid, kind text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT c.vendor || ' ' || upper(c.config ->> 'office_id') || ' ' || (c.config ->> 'cust_id')
        FROM pms_connections c WHERE c.id = connection AND kind = 'clinician'), connection::text)
$$;
ALTER TABLE slot_holds ADD COLUMN calendar text, ADD COLUMN booking uuid;
UPDATE slot_holds SET calendar = connection_id::text, booking = writeback_id;
-- Where two locations already hold one clinician at once, each keeps what it has.
UPDATE slot_holds h SET calendar = pms_calendar(connection_id, kind)
WHERE kind = 'clinician' AND (released_at IS NOT NULL OR NOT EXISTS (
    SELECT FROM slot_holds o WHERE o.released_at IS NULL AND o.kind = h.kind AND o.vendor_id = h.vendor_id
        AND o.connection_id <> h.connection_id AND o.starts_at < h.ends_at AND o.ends_at > h.starts_at
        AND pms_calendar(o.connection_id, o.kind) = pms_calendar(h.connection_id, h.kind)));
ALTER TABLE slot_holds ALTER COLUMN calendar SET NOT NULL, ALTER COLUMN booking SET NOT NULL;
COMMENT ON COLUMN slot_holds.booking IS 'The write that first held time for the appointment: it does not stand in its own way.';
ALTER TABLE slot_holds DROP CONSTRAINT slot_holds_one_wins;
ALTER TABLE slot_holds ADD CONSTRAINT slot_holds_one_wins EXCLUDE USING gist (
    calendar WITH =,
    kind WITH =,
    vendor_id WITH =,
    booking WITH <>,
    tstzrange(starts_at, ends_at) WITH &&
) WHERE (released_at IS NULL);

-- The vendor counts an office's requests together, whatever location they are about: they stand in the row of the
-- office's oldest connection.
CREATE FUNCTION pms_budget_of(connection uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT o.id FROM pms_connections c JOIN pms_connections o
            ON o.tenant_id = c.tenant_id AND o.vendor = c.vendor
            AND upper(o.config ->> 'office_id') = upper(c.config ->> 'office_id')
        WHERE c.id = connection ORDER BY o.id LIMIT 1), connection)
$$;

-- With whom a kind of appointment is, where staff said so.
ALTER TABLE pms_appointment_types ADD COLUMN clinician_kind text CHECK (clinician_kind IN ('provider', 'hygienist'));

-- What is asked for with every look at a calendar or an account: few of all writes a practice ever made.
CREATE INDEX pms_writebacks_open ON pms_writebacks (connection_id, id)
    WHERE state IN ('queued', 'sending', 'unknown', 'submitted', 'parked');
CREATE INDEX pms_writebacks_payments ON pms_writebacks (connection_id, finished_at)
    WHERE operation = 'record_payment' AND state = 'succeeded';
