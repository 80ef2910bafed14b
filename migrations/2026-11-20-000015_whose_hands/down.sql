-- In the order they had: what is undone is as it was.
ALTER TABLE users RENAME COLUMN created_at TO was_created_at;
ALTER TABLE users ADD COLUMN name text, ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();
SET ROLE switchboard_machinery;
UPDATE users u SET created_at = was_created_at, name = coalesce(
    (SELECT m.name FROM memberships m WHERE m.user_id = u.id ORDER BY m.created_at LIMIT 1), u.subject);
RESET ROLE;
ALTER TABLE users ALTER COLUMN name SET NOT NULL, DROP COLUMN was_created_at;
DROP TABLE former_members;
ALTER TABLE memberships DROP COLUMN first_used_at, DROP COLUMN name;
