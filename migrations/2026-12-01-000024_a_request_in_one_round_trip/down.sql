DROP FUNCTION pms_take_request(uuid, uuid, integer);
