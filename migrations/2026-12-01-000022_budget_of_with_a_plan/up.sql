-- Each request to a vendor asks for its budget. A function in SQL that is not taken into its caller's statement is planned
-- anew each time it is called, which took longer than all else; one in PL/pgSQL keeps its plan.
CREATE OR REPLACE FUNCTION pms_budget_of(connection uuid) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((
        SELECT o.id FROM pms_connections c JOIN pms_connections o
            ON o.tenant_id = c.tenant_id AND o.vendor = c.vendor
            AND upper(o.config ->> 'office_id') = upper(c.config ->> 'office_id')
        WHERE c.id = connection ORDER BY o.id LIMIT 1), connection);
END
$$;
