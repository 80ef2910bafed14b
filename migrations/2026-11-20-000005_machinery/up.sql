-- One row an event, however often it was delivered.
-- received = sum(deliveries) = handled + parked + rejected + duplicates + those still `received`.
CREATE TABLE webhook_events (
    id uuid PRIMARY KEY,
    -- Unknown until the event has been handled; a rejected event never has one.
    tenant_id uuid REFERENCES tenants,
    source text NOT NULL,
    kind text NOT NULL,
    dedupe_key text NOT NULL,
    deliveries integer NOT NULL DEFAULT 1,
    state text NOT NULL DEFAULT 'received' CHECK (state IN ('received', 'handled', 'parked', 'rejected')),
    reason text,
    -- The raw event, redacted and sealed.
    body bytea,
    received_at timestamptz NOT NULL,
    handled_at timestamptz,
    UNIQUE (source, dedupe_key)
);
CREATE INDEX webhook_events_tenant ON webhook_events (tenant_id);
CREATE INDEX webhook_events_day ON webhook_events (received_at);
SELECT guard_tenant_table('webhook_events');
GRANT SELECT ON webhook_events TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON webhook_events TO switchboard_machinery;

-- A message a consumer has taken effect of: the second delivery finds it here.
CREATE TABLE inbox (
    consumer text NOT NULL,
    message_id uuid NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, message_id)
);
CREATE INDEX inbox_age ON inbox (taken_at);
GRANT INSERT ON inbox TO switchboard_app;
GRANT SELECT, INSERT, DELETE ON inbox TO switchboard_machinery;

-- Written with the effect it tells about, published afterwards, removed after the broker's confirm.
CREATE TABLE outbox (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    message_id uuid NOT NULL,
    exchange text NOT NULL,
    routing_key text NOT NULL,
    kind text NOT NULL,
    tenant_id uuid,
    hash_key text,
    traceparent text,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    claimed_until timestamptz
);
ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON outbox FOR INSERT TO switchboard_app WITH CHECK (tenant_id = app_tenant());
CREATE POLICY machinery ON outbox TO switchboard_machinery USING (true) WITH CHECK (true);
GRANT INSERT ON outbox TO switchboard_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO switchboard_machinery;

-- Set aside after the retries are used up. Never deleted by itself.
CREATE TABLE parked_messages (
    id uuid PRIMARY KEY,
    tenant_id uuid,
    queue text NOT NULL,
    kind text NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    hash_key text,
    body bytea NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    replayed_at timestamptz
);
CREATE INDEX parked_messages_tenant ON parked_messages (tenant_id);
SELECT guard_tenant_table('parked_messages');
GRANT SELECT ON parked_messages TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON parked_messages TO switchboard_machinery;

-- Who read or wrote what about which patient. Append only: nobody may change or remove a record.
CREATE TABLE audit_log (
    tenant_id uuid NOT NULL REFERENCES tenants,
    sequence bigint NOT NULL CHECK (sequence > 0),
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    patient text,
    call_id text,
    tool text,
    outcome text NOT NULL,
    ms integer NOT NULL,
    detail jsonb NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (tenant_id, sequence)
);
SELECT guard_tenant_table('audit_log');
GRANT SELECT, INSERT ON audit_log TO switchboard_app;
GRANT SELECT ON audit_log TO switchboard_machinery;

-- Where each chain ends now, with a keyed seal over it: a chain cut short no longer matches.
CREATE TABLE audit_heads (
    tenant_id uuid PRIMARY KEY REFERENCES tenants,
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    seal bytea NOT NULL
);
SELECT guard_tenant_table('audit_heads');
GRANT SELECT, INSERT, UPDATE ON audit_heads TO switchboard_app;
GRANT SELECT ON audit_heads TO switchboard_machinery;

-- Where each chain ended at some moment: a head put back to an older state no longer matches.
CREATE TABLE audit_anchors (
    tenant_id uuid NOT NULL REFERENCES tenants,
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    seal bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, sequence)
);
SELECT guard_tenant_table('audit_anchors');
GRANT SELECT, INSERT ON audit_anchors TO switchboard_app;
GRANT SELECT ON audit_anchors TO switchboard_machinery;

CREATE TABLE alerts (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    connection_id uuid,
    code text NOT NULL,
    what_to_do text NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT now(),
    cleared_at timestamptz,
    FOREIGN KEY (tenant_id, connection_id) REFERENCES pms_connections (tenant_id, id)
);
CREATE INDEX alerts_connection ON alerts (tenant_id, connection_id);
CREATE UNIQUE INDEX alerts_open ON alerts (tenant_id, code, connection_id) NULLS NOT DISTINCT
    WHERE cleared_at IS NULL;
SELECT guard_tenant_table('alerts');
GRANT SELECT, INSERT, UPDATE ON alerts TO switchboard_app;
GRANT SELECT ON alerts TO switchboard_machinery;
