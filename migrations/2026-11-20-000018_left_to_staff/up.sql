-- What somebody wants that only a person at the practice can do: a new phone number, a payment looked for. It is
-- theirs, so it is sealed, unlike the sentence beside it.
ALTER TABLE staff_tasks ADD COLUMN wanted bytea;
-- For keys that rotate, and for what has had its time.
GRANT UPDATE (wanted) ON staff_tasks TO switchboard_machinery;

-- What the tenant's payment service says it has taken: whoever is on the phone may have nothing else put on an account.
CREATE TABLE payments_taken (
    tenant_id uuid NOT NULL REFERENCES tenants,
    reference text NOT NULL,
    -- Cents.
    minor bigint NOT NULL CHECK (minor > 0),
    currency text NOT NULL,
    method text,
    -- The vendor's id of whom it is for, where the service knows.
    patient text,
    -- On an account of which location it was put: no second one has it.
    practice_id uuid,
    told_by text NOT NULL,
    told_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, reference),
    FOREIGN KEY (tenant_id, practice_id) REFERENCES practices (tenant_id, id)
);
CREATE INDEX payments_taken_practice ON payments_taken (tenant_id, practice_id);
CREATE INDEX payments_taken_age ON payments_taken (told_at);
SELECT guard_tenant_table('payments_taken');
GRANT SELECT, INSERT, UPDATE ON payments_taken TO switchboard_app;
GRANT SELECT, DELETE ON payments_taken TO switchboard_machinery;
