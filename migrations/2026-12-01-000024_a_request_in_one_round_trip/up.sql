-- A request to a vendor is taken out of its office's budget in one round trip: this is called alone, and is then a transaction
-- of its own. As the tenant's role, so that its rules hold as everywhere.
CREATE FUNCTION pms_take_request(tenant uuid, connection uuid, first_most integer)
RETURNS TABLE (admitted boolean, most integer, wait_s double precision) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    -- The rest of a transaction would go on as this tenant.
    IF current_setting('role') <> 'none' THEN
        RAISE EXCEPTION 'a request is taken outside of any transaction';
    END IF;
    PERFORM set_config('role', 'switchboard_app', true), set_config('app.tenant_id', tenant::text, true);
    RETURN QUERY
        INSERT INTO pms_request_budgets AS b (connection_id, tenant_id, most, tokens, minute_used, day_used)
         VALUES (pms_budget_of(connection), tenant, first_most, greatest(first_most / 2.0, 1) - 1, 1, 1)
         ON CONFLICT (connection_id) DO UPDATE SET
             (tokens, admitted, refilled_at, minute_start, minute_used, day_start, day_used,
              reached_80_at, reached_93_at, reached_100_at) = (
                 SELECT have - may::int, may, greatest(b.refilled_at, now()),
                        minute, minute_had + may::int, day, day_had + may::int,
                        CASE WHEN share >= 0.80 THEN now() ELSE b.reached_80_at END,
                        CASE WHEN share >= 0.93 THEN now() ELSE b.reached_93_at END,
                        CASE WHEN may THEN b.reached_100_at ELSE now() END
                 FROM (SELECT *, CASE WHEN NOT may THEN 1 ELSE greatest(
                            (minute_had + 1.0) / b.most,
                            (greatest(b.most / 2.0, 1) - have + 1) / b.most,
                            (day_had + 1.0) / b.day_most) END AS share
                    FROM (SELECT *, open AND have >= 1 AND (b.day_most IS NULL OR day_had < b.day_most) AS may
                       FROM (SELECT least(greatest(b.most / 2.0, 1), b.tokens + b.most / 120.0
                               * greatest(0, extract(epoch FROM now() - b.refilled_at)::float8)) AS have,
                            coalesce(b.closed_until <= now(), true) AS open,
                            date_trunc('minute', now()) AS minute,
                            CASE WHEN b.minute_start = date_trunc('minute', now())
                                THEN b.minute_used ELSE 0 END AS minute_had,
                            date_trunc('day', now(), 'UTC') AS day,
                            CASE WHEN b.day_start = date_trunc('day', now(), 'UTC')
                                THEN b.day_used ELSE 0 END AS day_had) bucket) asked) shared)
         RETURNING admitted, most,
             CASE WHEN admitted THEN 0
                 WHEN day_used >= day_most
                     THEN extract(epoch FROM day_start + interval '1 day' - now())::float8
                 ELSE greatest(
                     (1 - tokens) / (most / 120.0),
                     coalesce(extract(epoch FROM closed_until - now())::float8, 0), 0.01) END AS wait_s;
END
$$;
