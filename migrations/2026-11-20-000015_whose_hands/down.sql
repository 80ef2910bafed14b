ALTER TABLE users ADD COLUMN name text;
SET ROLE switchboard_machinery;
UPDATE users u SET name = coalesce(
    (SELECT m.name FROM memberships m WHERE m.user_id = u.id ORDER BY m.created_at LIMIT 1), u.subject);
RESET ROLE;
ALTER TABLE users ALTER COLUMN name SET NOT NULL;
DROP TABLE former_members;
ALTER TABLE memberships DROP COLUMN first_used_at, DROP COLUMN name;
