DROP TABLE pms_appointment_types;
DROP TABLE pms_clinician_mappings;
DROP INDEX pms_connections_office;
DROP TABLE pms_setups;
DROP TABLE pms_install_links;
