REVOKE UPDATE (answer) ON tool_calls FROM switchboard_machinery;
REVOKE UPDATE (report) ON voice_calls FROM switchboard_machinery;
DROP TABLE sealed_keys;
DROP POLICY own_people ON users;
DROP TABLE memberships;
DROP TABLE users;
REVOKE INSERT, UPDATE ON api_keys FROM switchboard_app;
ALTER TABLE api_keys
    DROP COLUMN scopes,
    DROP COLUMN begins_with,
    DROP COLUMN created_by,
    DROP COLUMN expires_at,
    DROP COLUMN last_used_at,
    DROP COLUMN revoked_by;
