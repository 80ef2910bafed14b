CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    slug text NOT NULL UNIQUE,
    name text NOT NULL,
    language text NOT NULL DEFAULT 'en',
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenants TO switchboard_app USING (id = app_tenant());
CREATE POLICY machinery ON tenants TO switchboard_machinery USING (true) WITH CHECK (true);
GRANT SELECT ON tenants TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON tenants TO switchboard_machinery;

CREATE TABLE practices (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    name text NOT NULL,
    time_zone text NOT NULL,
    country text NOT NULL DEFAULT 'US',
    created_at timestamptz NOT NULL DEFAULT now(),
    -- What refers to a tenant's row names the tenant too: row-level security does not look at references.
    UNIQUE (tenant_id, id)
);
SELECT guard_tenant_table('practices');
GRANT SELECT ON practices TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON practices TO switchboard_machinery;

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    name text NOT NULL,
    hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CREATE INDEX api_keys_tenant ON api_keys (tenant_id);
SELECT guard_tenant_table('api_keys');
GRANT SELECT ON api_keys TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON api_keys TO switchboard_machinery;
