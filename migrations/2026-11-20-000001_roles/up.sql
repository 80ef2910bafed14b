-- Two unprivileged roles that services take on inside each transaction.
-- switchboard_app sees the one tenant named by app.tenant_id; switchboard_machinery sees what queues,
-- leases and refreshes need across tenants, and no more.
-- Roles belong to the whole cluster: another database may have made them already, or be making them now.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['switchboard_app', 'switchboard_machinery'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
        IF NOT pg_has_role(current_user, wanted, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
        END IF;
    END LOOP;
END
$$;

CREATE EXTENSION IF NOT EXISTS btree_gist;

GRANT USAGE ON SCHEMA public TO switchboard_app, switchboard_machinery;

-- The tenant of this transaction, or nothing: then no row is visible.
CREATE FUNCTION app_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$;

-- Gives a tenant's table its policies: the app role sees its tenant's rows, the machinery all of them.
CREATE FUNCTION guard_tenant_table(name regclass) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own_tenant ON %s TO switchboard_app USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())', name);
    EXECUTE format('CREATE POLICY machinery ON %s TO switchboard_machinery USING (true) WITH CHECK (true)', name);
END
$$;
