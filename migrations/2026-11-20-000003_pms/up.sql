CREATE TABLE pms_connections (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    practice_id uuid NOT NULL,
    vendor text NOT NULL,
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'active', 'reauthorise', 'error', 'disabled')),
    -- Which office and location at the vendor, and what staff chose: no secret in here.
    config jsonb NOT NULL DEFAULT '{}',
    capabilities jsonb,
    credentials bytea NOT NULL,
    token bytea,
    refresh_token bytea,
    token_expires_at timestamptz,
    refresh_due_at timestamptz NOT NULL DEFAULT now(),
    refresh_lease_until timestamptz,
    refresh_failures integer NOT NULL DEFAULT 0,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, practice_id) REFERENCES practices (tenant_id, id)
);
CREATE INDEX pms_connections_practice ON pms_connections (tenant_id, practice_id);
CREATE INDEX pms_connections_refresh ON pms_connections (refresh_due_at) WHERE status = 'active';
SELECT guard_tenant_table('pms_connections');
GRANT SELECT, UPDATE ON pms_connections TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON pms_connections TO switchboard_machinery;

-- One row a connection: a bucket that half of the allowed requests fit in and that half of them refill
-- in a minute, so that no 60 s see more than `most`. Exact across replicas: the row is locked to take one.
CREATE TABLE pms_request_budgets (
    connection_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    most integer NOT NULL CHECK (most > 0),
    advertised integer,
    tokens double precision NOT NULL,
    refilled_at timestamptz NOT NULL DEFAULT now(),
    admitted boolean NOT NULL DEFAULT true,
    -- The vendor said that its own window is used up.
    closed_until timestamptz,
    FOREIGN KEY (tenant_id, connection_id) REFERENCES pms_connections (tenant_id, id)
);
CREATE INDEX pms_request_budgets_tenant ON pms_request_budgets (tenant_id, connection_id);
SELECT guard_tenant_table('pms_request_budgets');
GRANT SELECT, INSERT, UPDATE ON pms_request_budgets TO switchboard_app;
GRANT SELECT ON pms_request_budgets TO switchboard_machinery;

CREATE TABLE pms_writebacks (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    connection_id uuid NOT NULL,
    operation text NOT NULL CHECK (operation IN ('create_patient', 'book_appointment')),
    -- What is to be written, sealed: it names a patient.
    payload bytea NOT NULL,
    -- The same wish has the same fingerprint, however often it is wished for.
    fingerprint bytea NOT NULL,
    reference text NOT NULL,
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'sending', 'unknown', 'submitted', 'succeeded', 'failed', 'parked')),
    reason text,
    receipt text,
    created_vendor_id text,
    depends_on uuid,
    attempts integer NOT NULL DEFAULT 0,
    check_count integer NOT NULL DEFAULT 0,
    next_check_at timestamptz NOT NULL DEFAULT now(),
    deadline_at timestamptz NOT NULL,
    first_sent_at timestamptz,
    lease_until timestamptz,
    lease_owner uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES pms_connections (tenant_id, id),
    FOREIGN KEY (tenant_id, depends_on) REFERENCES pms_writebacks (tenant_id, id)
);
CREATE INDEX pms_writebacks_connection ON pms_writebacks (connection_id, id);
CREATE INDEX pms_writebacks_of_connection ON pms_writebacks (tenant_id, connection_id);
CREATE INDEX pms_writebacks_depends ON pms_writebacks (tenant_id, depends_on);
CREATE INDEX pms_writebacks_forerunner ON pms_writebacks (depends_on) WHERE depends_on IS NOT NULL;
CREATE INDEX pms_writebacks_due ON pms_writebacks (next_check_at)
    WHERE state IN ('queued', 'sending', 'unknown', 'submitted');
-- One live wish for one thing: a second one joins the first.
CREATE UNIQUE INDEX pms_writebacks_live ON pms_writebacks (connection_id, fingerprint)
    WHERE state IN ('queued', 'sending', 'unknown', 'submitted');
SELECT guard_tenant_table('pms_writebacks');
GRANT SELECT, INSERT, UPDATE ON pms_writebacks TO switchboard_app;
GRANT SELECT, UPDATE ON pms_writebacks TO switchboard_machinery;

CREATE TABLE pms_writeback_attempts (
    writeback_id uuid NOT NULL,
    number integer NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    outcome text,
    detail text,
    PRIMARY KEY (writeback_id, number),
    FOREIGN KEY (tenant_id, writeback_id) REFERENCES pms_writebacks (tenant_id, id)
);
CREATE INDEX pms_writeback_attempts_tenant ON pms_writeback_attempts (tenant_id, writeback_id);
SELECT guard_tenant_table('pms_writeback_attempts');
GRANT SELECT, INSERT, UPDATE ON pms_writeback_attempts TO switchboard_app;
GRANT SELECT ON pms_writeback_attempts TO switchboard_machinery;

-- Time that is ours until the practice's own system shows it, or will never have it.
CREATE TABLE slot_holds (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    connection_id uuid NOT NULL,
    writeback_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('clinician', 'chair')),
    vendor_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    -- When the practice's copy was first seen to show it. It is released a little later: until then
    -- somebody may still be answering from an older reading of the copy.
    seen_at timestamptz,
    released_at timestamptz,
    FOREIGN KEY (tenant_id, connection_id) REFERENCES pms_connections (tenant_id, id),
    FOREIGN KEY (tenant_id, writeback_id) REFERENCES pms_writebacks (tenant_id, id),
    CONSTRAINT slot_holds_one_wins EXCLUDE USING gist (
        connection_id WITH =,
        kind WITH =,
        vendor_id WITH =,
        tstzrange(starts_at, ends_at) WITH &&
    ) WHERE (released_at IS NULL)
);
CREATE INDEX slot_holds_connection ON slot_holds (tenant_id, connection_id);
CREATE INDEX slot_holds_writeback ON slot_holds (tenant_id, writeback_id);
CREATE INDEX slot_holds_of ON slot_holds (writeback_id);
SELECT guard_tenant_table('slot_holds');
GRANT SELECT, INSERT, UPDATE ON slot_holds TO switchboard_app;
GRANT SELECT, UPDATE ON slot_holds TO switchboard_machinery;
