-- Requests in the application's own name, of all practices and workers together: nobody's. A bucket as a connection's:
-- half of the allowed requests fit in, and half of them refill in a minute, so that no 60 s see more than `most`.
CREATE TABLE application_budgets (
    vendor text PRIMARY KEY,
    most integer NOT NULL CHECK (most > 0),
    tokens double precision NOT NULL,
    refilled_at timestamptz NOT NULL DEFAULT now(),
    admitted boolean NOT NULL DEFAULT true,
    -- The vendor said that its own window is used up.
    closed_until timestamptz
);
GRANT SELECT, INSERT, UPDATE ON application_budgets TO switchboard_machinery;

-- Rounds that one process makes for all of its kind: when each was begun last.
CREATE TABLE rounds (
    name text PRIMARY KEY,
    begun_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE ON rounds TO switchboard_machinery;
