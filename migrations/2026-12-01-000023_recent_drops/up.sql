-- What staff entered by hand lately is asked for with every look at a calendar.
CREATE INDEX pms_writeback_drops_recent ON pms_writeback_drops (dropped_at);
