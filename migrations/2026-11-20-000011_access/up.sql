ALTER TABLE api_keys
    -- The permissions it has; none listed: a key of before there were any, which has every one.
    ADD COLUMN scopes text[],
    -- How the key begins, so that people can tell which one they found.
    ADD COLUMN begins_with text,
    ADD COLUMN created_by text,
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN last_used_at timestamptz,
    ADD COLUMN revoked_by text,
    ADD CHECK (cardinality(scopes) > 0);
GRANT SELECT, INSERT, UPDATE ON api_keys TO switchboard_app;

-- A person, as an issuer of sign-ins names them. Who belongs to several tenants is here once.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    issuer text NOT NULL,
    subject text NOT NULL,
    -- What colleagues call them.
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (issuer, subject)
);

CREATE TABLE memberships (
    tenant_id uuid NOT NULL REFERENCES tenants,
    user_id uuid NOT NULL REFERENCES users,
    role text NOT NULL CHECK (role ~ '^[a-z_]+$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);
SELECT guard_tenant_table('memberships');
-- Only the machinery makes them: a tenant that could would see the name of whomever it takes in.
GRANT SELECT ON memberships TO switchboard_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON memberships TO switchboard_machinery;

-- A tenant sees its own people: the policy of memberships decides which those are.
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY own_people ON users FOR SELECT TO switchboard_app
    USING (EXISTS (SELECT FROM memberships m WHERE m.user_id = users.id));
CREATE POLICY machinery ON users TO switchboard_machinery USING (true) WITH CHECK (true);
GRANT SELECT ON users TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON users TO switchboard_machinery;

-- Keys that outlive those of ENCRYPTION_KEY, sealed with these, and a sealed mark of each: a process that cannot open
-- them has other keys than the ones this database was sealed with, and must not go on.
CREATE TABLE sealed_keys (
    name text PRIMARY KEY,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE ON sealed_keys TO switchboard_machinery;

-- To seal values anew under another key, and nothing else of these rows.
GRANT UPDATE (report) ON voice_calls TO switchboard_machinery;
GRANT UPDATE (answer) ON tool_calls TO switchboard_machinery;
