-- What callers have said wrongly of who they are: by a keyed hash, so that the same thing said twice counts once
-- and tells nobody anything.
CREATE TABLE call_guesses (
    tenant_id uuid NOT NULL REFERENCES tenants,
    call_id text NOT NULL,
    guess bytea NOT NULL,
    guessed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, call_id, guess)
);
CREATE INDEX call_guesses_age ON call_guesses (guessed_at);
SELECT guard_tenant_table('call_guesses');
GRANT SELECT, INSERT ON call_guesses TO switchboard_app;
GRANT SELECT, DELETE ON call_guesses TO switchboard_machinery;

-- A caller who was told that staff will help leaves a task: one for each use of a tool, however often it came.
ALTER TABLE staff_tasks ADD COLUMN call_id text;
ALTER TABLE staff_tasks ADD COLUMN tool_call_id text;
ALTER TABLE staff_tasks ADD CONSTRAINT staff_tasks_tool_call CHECK ((call_id IS NULL) = (tool_call_id IS NULL));
CREATE UNIQUE INDEX staff_tasks_of_tool_call ON staff_tasks (tenant_id, call_id, tool_call_id);

-- The first in each connection's line is found without reading the others, nor what was done long ago.
CREATE INDEX pms_writebacks_queued ON pms_writebacks (connection_id, id) WHERE state = 'queued';
