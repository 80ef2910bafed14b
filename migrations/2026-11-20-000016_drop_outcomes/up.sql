-- What became of a write that staff gave up. What they entered by hand keeps its time until a newer copy shows it.
-- Of those from before nobody said; their time was given back.
ALTER TABLE pms_writeback_drops ADD COLUMN outcome text NOT NULL DEFAULT 'not_wanted'
    CHECK (outcome IN ('entered_by_hand', 'not_wanted'));
ALTER TABLE pms_writeback_drops ALTER COLUMN outcome DROP DEFAULT;

-- A payment is the same one for ever: it is looked for among all there ever were.
CREATE INDEX pms_writebacks_fingerprint ON pms_writebacks (connection_id, fingerprint);
