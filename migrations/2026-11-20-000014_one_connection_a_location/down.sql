DROP INDEX alerts_open;
-- Two that only their setups told apart are one again.
UPDATE alerts SET cleared_at = now(), cleared_by = 'switchboard' WHERE setup_id IS NOT NULL AND cleared_at IS NULL;
ALTER TABLE alerts DROP COLUMN setup_id;
CREATE UNIQUE INDEX alerts_open ON alerts (tenant_id, code, connection_id) NULLS NOT DISTINCT
    WHERE cleared_at IS NULL;
ALTER TABLE pms_setups DROP CONSTRAINT pms_setups_tenant_id_id_key;
ALTER TABLE pms_setups DROP COLUMN lease_owner;
DROP INDEX pms_connections_office;
CREATE INDEX pms_connections_office ON pms_connections (vendor, (config ->> 'office_id'));
DROP INDEX pms_connections_refresh;
CREATE INDEX pms_connections_refresh ON pms_connections (refresh_due_at) WHERE status = 'active';
DROP INDEX pms_connections_one_of_practice;
