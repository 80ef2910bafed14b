-- Which tool asks callers for which proof of who they are; what is left out is strict.
ALTER TABLE tenants ADD COLUMN identity_rules jsonb NOT NULL DEFAULT '{}';

-- What callers have shown in their call: that they are, or speak for, a patient.
CREATE TABLE call_identities (
    tenant_id uuid NOT NULL REFERENCES tenants,
    call_id text NOT NULL,
    -- The vendor's id, or the write that makes the patient.
    patient text NOT NULL,
    proof text NOT NULL CHECK (proof IN ('phone', 'name_and_birth')),
    proven_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, call_id, patient)
);
CREATE INDEX call_identities_age ON call_identities (proven_at);
SELECT guard_tenant_table('call_identities');
GRANT SELECT, INSERT, UPDATE ON call_identities TO switchboard_app;
GRANT SELECT, DELETE ON call_identities TO switchboard_machinery;

-- The program knows which operations there are; a list here would have to change with each of them.
ALTER TABLE pms_writebacks DROP CONSTRAINT pms_writebacks_operation_check;
ALTER TABLE pms_writebacks ADD CONSTRAINT pms_writebacks_operation_check CHECK (operation ~ '^[a-z_]+$');
