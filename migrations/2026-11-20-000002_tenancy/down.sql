DROP TABLE api_keys;
DROP TABLE practices;
DROP TABLE tenants;
