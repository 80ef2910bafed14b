CREATE OR REPLACE FUNCTION pms_budget_of(connection uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT o.id FROM pms_connections c JOIN pms_connections o
            ON o.tenant_id = c.tenant_id AND o.vendor = c.vendor
            AND upper(o.config ->> 'office_id') = upper(c.config ->> 'office_id')
        WHERE c.id = connection ORDER BY o.id LIMIT 1), connection)
$$;
