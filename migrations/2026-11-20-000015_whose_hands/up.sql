-- Each tenant has its own word for a person, and whom a tenant takes in goes on where they were: without saying which
-- tenant they mean, people are where they were first.
ALTER TABLE memberships
    -- What colleagues call them here.
    ADD COLUMN name text,
    -- When they first came here; none: they never did.
    ADD COLUMN first_used_at timestamptz;

-- Who once belonged to a tenant: their knocking is that tenant's business, a stranger's is not.
CREATE TABLE former_members (
    tenant_id uuid NOT NULL REFERENCES tenants,
    user_id uuid NOT NULL REFERENCES users,
    ended_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX former_members_user ON former_members (user_id);
SELECT guard_tenant_table('former_members');
GRANT SELECT, INSERT, UPDATE ON former_members TO switchboard_machinery;

-- The tables' owner sees no row of them.
SET ROLE switchboard_machinery;
UPDATE memberships m SET name = u.name FROM users u WHERE u.id = m.user_id;
UPDATE memberships m SET first_used_at = created_at
WHERE NOT EXISTS (SELECT FROM memberships o WHERE o.user_id = m.user_id AND o.tenant_id <> m.tenant_id);

-- Keys of before there were scopes go on with what they were made for. To hand out access was not among it.
UPDATE api_keys SET scopes = ARRAY[
    'patients.read', 'patients.write', 'notes.write', 'appointments.read', 'appointments.write', 'accounts.read',
    'payments.write', 'practice.read', 'tasks.read', 'tasks.write', 'writebacks.read', 'writebacks.replay',
    'connections.read', 'connections.manage', 'reports.read', 'alerts.manage', 'audit.read']
WHERE scopes IS NULL;

-- What was over before alerts were sent anywhere is no news.
UPDATE alerts SET told_raised_at = raised_at, told_cleared_at = cleared_at
WHERE told_raised_at IS NULL AND cleared_at IS NOT NULL;
RESET ROLE;

ALTER TABLE memberships ALTER COLUMN name SET NOT NULL;
ALTER TABLE users DROP COLUMN name;
