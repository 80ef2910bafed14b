ALTER TABLE alerts
    -- An alert about the installation itself is nobody's: no tenant sees it.
    ALTER COLUMN tenant_id DROP NOT NULL,
    -- In words an operator understands. It names no patient.
    ADD COLUMN happened text NOT NULL DEFAULT '',
    ADD COLUMN cleared_by text,
    -- When its deliveries were written down.
    ADD COLUMN told_raised_at timestamptz,
    ADD COLUMN told_cleared_at timestamptz,
    ADD UNIQUE (tenant_id, id);
CREATE INDEX alerts_untold ON alerts (raised_at)
    WHERE told_raised_at IS NULL OR (cleared_at IS NOT NULL AND told_cleared_at IS NULL);
GRANT INSERT, UPDATE ON alerts TO switchboard_machinery;

-- Where a tenant wants its alerts sent. Sealed: a URL may be a secret itself.
CREATE TABLE alert_destinations (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    name text NOT NULL,
    url bytea NOT NULL,
    secret bytea NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    UNIQUE (tenant_id, id)
);
SELECT guard_tenant_table('alert_destinations');
GRANT SELECT, INSERT, UPDATE ON alert_destinations TO switchboard_app;
-- Keys rotate.
GRANT SELECT, UPDATE (url, secret) ON alert_destinations TO switchboard_machinery;

-- One row for each alert, each piece of news about it, and each place it goes to.
CREATE TABLE alert_deliveries (
    id uuid PRIMARY KEY,
    tenant_id uuid REFERENCES tenants,
    alert_id uuid NOT NULL,
    news text NOT NULL CHECK (news IN ('raised', 'resolved')),
    -- None: the operator's own channel.
    destination_id uuid,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'parked')),
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,
    reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    UNIQUE NULLS NOT DISTINCT (alert_id, news, destination_id),
    FOREIGN KEY (tenant_id, alert_id) REFERENCES alerts (tenant_id, id),
    FOREIGN KEY (tenant_id, destination_id) REFERENCES alert_destinations (tenant_id, id)
);
CREATE INDEX alert_deliveries_alert ON alert_deliveries (tenant_id, alert_id);
CREATE INDEX alert_deliveries_destination ON alert_deliveries (tenant_id, destination_id);
CREATE INDEX alert_deliveries_due ON alert_deliveries (next_at) WHERE state = 'waiting';
SELECT guard_tenant_table('alert_deliveries');
GRANT SELECT ON alert_deliveries TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON alert_deliveries TO switchboard_machinery;

-- What a practice's budget has seen: counted in the statement that takes a request, so it is exact.
ALTER TABLE pms_request_budgets
    ADD COLUMN minute_start timestamptz NOT NULL DEFAULT date_trunc('minute', now()),
    ADD COLUMN minute_used integer NOT NULL DEFAULT 0,
    -- Days of UTC: where the vendor's day begins is not documented.
    ADD COLUMN day_start timestamptz NOT NULL DEFAULT date_trunc('day', now(), 'UTC'),
    ADD COLUMN day_used integer NOT NULL DEFAULT 0,
    -- The plan's quota of a day, where an operator has set it.
    ADD COLUMN day_most integer CHECK (day_most > 0),
    -- When the vendor last said that the day's quota is used up.
    ADD COLUMN day_spent_at timestamptz,
    -- When the share used last reached this many percent; at 100 a request had to wait.
    ADD COLUMN reached_80_at timestamptz,
    ADD COLUMN reached_93_at timestamptz,
    ADD COLUMN reached_100_at timestamptz;

-- Reports look at a stretch of time: of one tenant, or of all.
CREATE INDEX audit_log_of_tenant ON audit_log (tenant_id, at);
CREATE INDEX audit_log_when ON audit_log USING brin (at);
CREATE INDEX pms_writebacks_finished ON pms_writebacks (finished_at) WHERE finished_at IS NOT NULL;
