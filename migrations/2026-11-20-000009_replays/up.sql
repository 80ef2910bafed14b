ALTER TABLE pms_writebacks
    -- The write that this one tries again. That one's row is never changed for it.
    ADD COLUMN replays uuid,
    -- Who asked for the replay: staff, a key, or the practice's night.
    ADD COLUMN replayed_by text,
    -- When the appointment it is about begins.
    ADD COLUMN about_at timestamptz,
    -- When it was last sent, or nearly.
    ADD COLUMN last_sent_at timestamptz,
    ADD FOREIGN KEY (tenant_id, replays) REFERENCES pms_writebacks (tenant_id, id);
CREATE INDEX pms_writebacks_replays ON pms_writebacks (tenant_id, replays);
-- A write is replayed once: who wants another try replays the replay.
CREATE UNIQUE INDEX pms_writebacks_replayed_once ON pms_writebacks (replays) WHERE replays IS NOT NULL;
CREATE INDEX pms_writebacks_set_aside ON pms_writebacks (id) WHERE state IN ('failed', 'parked');

-- Writes that staff gave up, and why.
CREATE TABLE pms_writeback_drops (
    writeback_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    reason text NOT NULL,
    dropped_by text NOT NULL,
    dropped_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, writeback_id) REFERENCES pms_writebacks (tenant_id, id)
);
CREATE INDEX pms_writeback_drops_tenant ON pms_writeback_drops (tenant_id, writeback_id);
SELECT guard_tenant_table('pms_writeback_drops');
GRANT SELECT, INSERT ON pms_writeback_drops TO switchboard_app;
GRANT SELECT ON pms_writeback_drops TO switchboard_machinery;

-- Many replays, one after the other at a rate; whoever works it off may die in between.
CREATE TABLE pms_replay_runs (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    asked_by text NOT NULL,
    per_minute integer NOT NULL CHECK (per_minute > 0),
    -- Ends the run once so many of its replays went wrong.
    stop_after integer CHECK (stop_after > 0),
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'stopped')),
    next_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    UNIQUE (tenant_id, id)
);
CREATE INDEX pms_replay_runs_due ON pms_replay_runs (next_at) WHERE state = 'running';
SELECT guard_tenant_table('pms_replay_runs');
GRANT SELECT, INSERT, UPDATE ON pms_replay_runs TO switchboard_app;
GRANT SELECT, UPDATE ON pms_replay_runs TO switchboard_machinery;

CREATE TABLE pms_replay_items (
    run_id uuid NOT NULL,
    position integer NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants,
    writeback_id uuid NOT NULL,
    -- `replayed`, or the word for why not; nothing: its turn has not come.
    outcome text,
    replay_id uuid,
    PRIMARY KEY (run_id, position),
    FOREIGN KEY (tenant_id, run_id) REFERENCES pms_replay_runs (tenant_id, id),
    FOREIGN KEY (tenant_id, writeback_id) REFERENCES pms_writebacks (tenant_id, id),
    FOREIGN KEY (tenant_id, replay_id) REFERENCES pms_writebacks (tenant_id, id)
);
CREATE INDEX pms_replay_items_run ON pms_replay_items (tenant_id, run_id);
CREATE INDEX pms_replay_items_writeback ON pms_replay_items (tenant_id, writeback_id);
CREATE INDEX pms_replay_items_replay ON pms_replay_items (tenant_id, replay_id);
SELECT guard_tenant_table('pms_replay_items');
GRANT SELECT, INSERT, UPDATE ON pms_replay_items TO switchboard_app;
GRANT SELECT ON pms_replay_items TO switchboard_machinery;

-- What a person at the front desk has to do. It names no patient: it leads to the write.
CREATE TABLE staff_tasks (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    connection_id uuid,
    writeback_id uuid,
    code text NOT NULL,
    sentence text NOT NULL,
    next_action text NOT NULL,
    due_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz,
    done_by text,
    FOREIGN KEY (tenant_id, connection_id) REFERENCES pms_connections (tenant_id, id),
    FOREIGN KEY (tenant_id, writeback_id) REFERENCES pms_writebacks (tenant_id, id)
);
CREATE INDEX staff_tasks_connection ON staff_tasks (tenant_id, connection_id);
CREATE INDEX staff_tasks_writeback ON staff_tasks (tenant_id, writeback_id);
CREATE INDEX staff_tasks_open ON staff_tasks (tenant_id, created_at) WHERE done_at IS NULL;
CREATE UNIQUE INDEX staff_tasks_once ON staff_tasks (writeback_id, code) WHERE done_at IS NULL;
SELECT guard_tenant_table('staff_tasks');
GRANT SELECT, INSERT, UPDATE ON staff_tasks TO switchboard_app;
GRANT SELECT ON staff_tasks TO switchboard_machinery;

-- What is learnt of a practice's system, and what its staff have set.
CREATE TABLE pms_write_habits (
    connection_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    -- Milliseconds that its last writes took, the latest first.
    recent_ms integer[] NOT NULL DEFAULT '{}',
    -- For each hour of its day, how surely its server is on: 0 to 1.
    hours_up double precision[] NOT NULL DEFAULT array_fill(1::double precision, ARRAY[24]),
    seen_off_at timestamptz,
    -- Minutes after its midnight.
    night_minute integer NOT NULL DEFAULT 120 CHECK (night_minute BETWEEN 0 AND 1439),
    up_from_minute integer CHECK (up_from_minute BETWEEN 0 AND 1439),
    up_until_minute integer CHECK (up_until_minute BETWEEN 0 AND 1439),
    CHECK ((up_from_minute IS NULL) = (up_until_minute IS NULL)),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES pms_connections (tenant_id, id)
);
CREATE INDEX pms_write_habits_tenant ON pms_write_habits (tenant_id, connection_id);
SELECT guard_tenant_table('pms_write_habits');
GRANT SELECT, INSERT, UPDATE ON pms_write_habits TO switchboard_app;
GRANT SELECT ON pms_write_habits TO switchboard_machinery;
