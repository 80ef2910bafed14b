-- Which claim runs a tool call: one that lost its lease may no longer give back or answer what another runs by now.
ALTER TABLE tool_calls ADD COLUMN runner uuid;

-- What each run of a gateway has answered 2xx for, told once a second: the other side of the ledger in webhook_events.
-- A gateway that is killed takes its last second's count with it, so the sum is never more than what was accepted.
CREATE TABLE webhook_acceptances (
    gateway uuid PRIMARY KEY,
    source text NOT NULL,
    accepted bigint NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    told_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE ON webhook_acceptances TO switchboard_machinery;
