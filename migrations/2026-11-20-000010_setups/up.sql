-- The addresses at which a vendor tells of a tenant's installs. The secret in the address names the tenant; only its
-- hash is kept.
CREATE TABLE pms_install_links (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    vendor text NOT NULL,
    hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CREATE INDEX pms_install_links_tenant ON pms_install_links (tenant_id);
SELECT guard_tenant_table('pms_install_links');
GRANT SELECT ON pms_install_links TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON pms_install_links TO switchboard_machinery;

-- An office on its way to becoming a connection: what a notice or a person asked for, and how far it has come.
CREATE TABLE pms_setups (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    vendor text NOT NULL,
    -- The vendor's id of the customer, and of the location in it; an empty location is the office's main one.
    office text NOT NULL,
    location text NOT NULL DEFAULT '',
    connection_id uuid,
    state text NOT NULL DEFAULT 'confirming'
        CHECK (state IN ('confirming', 'onboarding', 'done', 'cancelled', 'refused', 'gave_up')),
    -- Why it waits or ended, as one word.
    reason text,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    give_up_at timestamptz NOT NULL DEFAULT now() + interval '7 days',
    lease_until timestamptz,
    -- The date in the latest notice that was taken: one with an older date comes too late.
    told_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, vendor, office, location),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES pms_connections (tenant_id, id)
);
CREATE INDEX pms_setups_due ON pms_setups (due_at) WHERE state IN ('confirming', 'onboarding');
CREATE INDEX pms_setups_connection ON pms_setups (tenant_id, connection_id);
SELECT guard_tenant_table('pms_setups');
GRANT SELECT, UPDATE ON pms_setups TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON pms_setups TO switchboard_machinery;

-- Whose office it is, for webhooks that name nothing else.
CREATE INDEX pms_connections_office ON pms_connections (vendor, (config ->> 'office_id'));

-- What staff call the people of the vendor's list, and whether they are offered to callers.
CREATE TABLE pms_clinician_mappings (
    tenant_id uuid NOT NULL REFERENCES tenants,
    connection_id uuid NOT NULL,
    vendor_id text NOT NULL,
    name text NOT NULL,
    offered boolean NOT NULL DEFAULT true,
    PRIMARY KEY (connection_id, vendor_id),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES pms_connections (tenant_id, id)
);
CREATE INDEX pms_clinician_mappings_tenant ON pms_clinician_mappings (tenant_id, connection_id);
SELECT guard_tenant_table('pms_clinician_mappings');
GRANT SELECT, INSERT, DELETE ON pms_clinician_mappings TO switchboard_app;
GRANT SELECT ON pms_clinician_mappings TO switchboard_machinery;

-- The kinds of appointment that staff offer, each with its length and the vendor's own code where it has one.
CREATE TABLE pms_appointment_types (
    tenant_id uuid NOT NULL REFERENCES tenants,
    connection_id uuid NOT NULL,
    position integer NOT NULL,
    name text NOT NULL,
    minutes integer NOT NULL CHECK (minutes BETWEEN 5 AND 480),
    vendor_id text,
    PRIMARY KEY (connection_id, position),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES pms_connections (tenant_id, id)
);
CREATE INDEX pms_appointment_types_tenant ON pms_appointment_types (tenant_id, connection_id);
SELECT guard_tenant_table('pms_appointment_types');
GRANT SELECT, INSERT, DELETE ON pms_appointment_types TO switchboard_app;
GRANT SELECT ON pms_appointment_types TO switchboard_machinery;
