CREATE TABLE voice_phone_numbers (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    practice_id uuid NOT NULL,
    number text NOT NULL UNIQUE,
    vendor_number_id text UNIQUE,
    assistant_id text,
    integration_method text NOT NULL DEFAULT 'forwarded'
        CHECK (integration_method IN ('ported', 'forwarded', 'sip')),
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, practice_id) REFERENCES practices (tenant_id, id)
);
CREATE INDEX voice_phone_numbers_practice ON voice_phone_numbers (tenant_id, practice_id);
SELECT guard_tenant_table('voice_phone_numbers');
GRANT SELECT ON voice_phone_numbers TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON voice_phone_numbers TO switchboard_machinery;

CREATE TABLE voice_calls (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    vendor_call_id text NOT NULL UNIQUE,
    status text NOT NULL,
    ended_reason text,
    -- The vendor's report, redacted and sealed: it holds the transcript.
    report bytea,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE INDEX voice_calls_tenant ON voice_calls (tenant_id);
SELECT guard_tenant_table('voice_calls');
GRANT SELECT, INSERT, UPDATE ON voice_calls TO switchboard_app;
GRANT SELECT ON voice_calls TO switchboard_machinery;

-- One row a tool call: a repeat finds the answer here, or waits for it.
CREATE TABLE tool_calls (
    tenant_id uuid NOT NULL REFERENCES tenants,
    -- A call of the voice vendor, or `rest:` and an API key.
    call_id text NOT NULL,
    tool_call_id text NOT NULL,
    tool text NOT NULL,
    arguments_hash bytea NOT NULL,
    status text,
    code text,
    answer bytea,
    ms integer,
    lease_until timestamptz NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, call_id, tool_call_id)
);
SELECT guard_tenant_table('tool_calls');
GRANT SELECT, INSERT, UPDATE ON tool_calls TO switchboard_app;
GRANT SELECT, DELETE ON tool_calls TO switchboard_machinery;
