-- The roles stay: other databases of the cluster may use them.
DROP FUNCTION guard_tenant_table(regclass);
DROP FUNCTION app_tenant();
REVOKE USAGE ON SCHEMA public FROM switchboard_app, switchboard_machinery;
DROP EXTENSION btree_gist;
