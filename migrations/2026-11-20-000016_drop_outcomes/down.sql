DROP INDEX pms_writebacks_fingerprint;
ALTER TABLE pms_writeback_drops DROP COLUMN outcome;
