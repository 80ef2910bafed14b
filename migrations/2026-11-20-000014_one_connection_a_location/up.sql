-- A location has one connection in use. Where it got two it was off the air: the one that was there first stays.
UPDATE pms_connections SET status = 'disabled', updated_at = now(),
    last_error = 'Its location has another connection.'
WHERE status <> 'disabled' AND id NOT IN (
    SELECT DISTINCT ON (tenant_id, practice_id) id FROM pms_connections WHERE status <> 'disabled'
    ORDER BY tenant_id, practice_id, status <> 'active', id);
CREATE UNIQUE INDEX pms_connections_one_of_practice ON pms_connections (tenant_id, practice_id)
    WHERE status <> 'disabled';

-- Whoever was refused is asked again, slowly: the vendor may take it back.
DROP INDEX pms_connections_refresh;
CREATE INDEX pms_connections_refresh ON pms_connections (refresh_due_at) WHERE status IN ('active', 'reauthorise');

-- An office is one however its id is written.
DROP INDEX pms_connections_office;
CREATE INDEX pms_connections_office ON pms_connections (vendor, upper(config ->> 'office_id'));
UPDATE pms_setups s SET office = upper(office) WHERE office <> upper(office) AND NOT EXISTS (
    SELECT FROM pms_setups o WHERE (o.tenant_id, o.vendor, o.location) = (s.tenant_id, s.vendor, s.location)
        AND o.id <> s.id AND upper(o.office) = upper(s.office));

-- Whose step it is: one whose lease ended writes nothing more down.
ALTER TABLE pms_setups ADD COLUMN lease_owner uuid;
ALTER TABLE pms_setups ADD UNIQUE (tenant_id, id);

-- What could not be connected has no connection to be told by.
ALTER TABLE alerts ADD COLUMN setup_id uuid;
ALTER TABLE alerts ADD FOREIGN KEY (tenant_id, setup_id) REFERENCES pms_setups (tenant_id, id);
CREATE INDEX alerts_setup ON alerts (tenant_id, setup_id);
DROP INDEX alerts_open;
CREATE UNIQUE INDEX alerts_open ON alerts (tenant_id, code, connection_id, setup_id) NULLS NOT DISTINCT
    WHERE cleared_at IS NULL;
