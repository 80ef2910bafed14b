/// Every section, of every service. One that is missing here is refused when it is met, so a new one cannot be
/// forgotten: the service that has it does not start.
pub const SECTIONS: &[&str] = &[
    "anthropic",
    "broker",
    "database",
    "encryption",
    "http",
    "log",
    "meta",
    "oidc",
    "otlp",
    "sentry",
    "sikka",
    "slack",
    "tiktok",
    "twilio",
    "vapi",
    "whatsapp",
];

/// Every service, written with underscores: the name of the section that is its own.
pub const SERVICES: &[&str] = &[
    "channel_dispatcher",
    "console",
    "conversation_worker",
    "pms_api",
    "sandbox",
    "sikka_worker",
    "switchboard",
    "sync_worker",
    "token_refresher",
    "webhook_gateway",
];

/// The field's well-known variables and the settings they are another name for.
pub const ALIASES: &[(&str, &str)] = &[
    ("AMQP_URL", "broker.url"),
    ("ANTHROPIC_API_KEY", "anthropic.api_key"),
    ("DATABASE_URL", "database.url"),
    ("ENCRYPTION_KEY", "encryption.key"),
    ("META_APP_SECRET", "meta.app_secret"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "otlp.endpoint"),
    ("SENTRY_DSN", "sentry.dsn"),
    ("SIKKA_APP_ID", "sikka.app_id"),
    ("SIKKA_APP_KEY", "sikka.app_key"),
    ("SIKKA_CALLBACK_KEY", "sikka.callback_key"),
    ("SLACK_WEBHOOK_URL", "slack.webhook_url"),
    ("TIKTOK_CLIENT_SECRET", "tiktok.client_secret"),
    ("TWILIO_ACCOUNT_SID", "twilio.account_sid"),
    ("TWILIO_AUTH_TOKEN", "twilio.auth_token"),
    ("VAPI_API_KEY", "vapi.api_key"),
    ("VAPI_WEBHOOK_SECRET", "vapi.webhook_secret"),
    ("WHATSAPP_VERIFY_TOKEN", "whatsapp.verify_token"),
];

/// The section that is `service`'s own: its name with underscores.
pub(crate) fn own_section(service: &str) -> String {
    service.replace('-', "_")
}

/// `SWITCHBOARD__DATABASE__URL` for `database.url`.
pub(crate) fn variable(path: &str) -> String {
    format!("SWITCHBOARD__{}", path.replace('.', "__").to_uppercase())
}

/// How `path` can be set, for the sentence that says that it is missing.
pub(crate) fn ways_to_set(path: &str) -> String {
    let inside = format!("{path}.");
    let aliases: Vec<&str> = ALIASES
        .iter()
        .filter(|(_, target)| *target == path || target.starts_with(&inside))
        .map(|(name, _)| *name)
        .collect();
    let own = variable(path);
    match aliases.as_slice() {
        [] if path.contains('.') => format!("set {own}, or put it into the file of --config"),
        [] => format!("set {own}__…, or put [{path}] into the file of --config"),
        names => format!("set {}, or put {path} into the file of --config", names.join(" and ")),
    }
}
