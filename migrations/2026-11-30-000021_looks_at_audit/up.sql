-- Up to where a tenant's audit chain was seen whole, and since when what lies before it was not read again. Sealed: whoever
-- moves it on makes the next look begin at the first record.
CREATE TABLE audit_looks (
    tenant_id uuid PRIMARY KEY REFERENCES tenants,
    sequence bigint NOT NULL,
    began_at timestamptz NOT NULL,
    seal bytea NOT NULL
);
SELECT guard_tenant_table('audit_looks');
GRANT SELECT, INSERT, UPDATE ON audit_looks TO switchboard_app;
GRANT SELECT ON audit_looks TO switchboard_machinery;

-- A rotation ends the notes of which older keys were in front.
GRANT DELETE ON sealed_keys TO switchboard_machinery;
