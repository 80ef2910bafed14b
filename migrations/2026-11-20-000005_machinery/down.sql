DROP TABLE alerts;
DROP TABLE audit_anchors;
DROP TABLE audit_heads;
DROP TABLE audit_log;
DROP TABLE parked_messages;
DROP TABLE outbox;
DROP TABLE inbox;
DROP TABLE webhook_events;
