use std::collections::BTreeMap;
use std::path::PathBuf;

use seal::Secret;
use serde::{Deserialize, Serialize};
use service::settings::{
    BrokerSettings, Chassis, DatabaseSettings, Described, EncryptionSettings, HttpSettings, LogSettings,
    Origin, OtlpSettings, SentrySettings, Settings, SettingsError, SikkaSettings, Sources, VapiSettings,
    describe, load,
};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Api {
    #[serde(default)]
    http: HttpSettings,
    #[serde(default)]
    log: LogSettings,
    #[serde(default)]
    otlp: OtlpSettings,
    #[serde(default)]
    sentry: SentrySettings,
    database: DatabaseSettings,
    broker: Option<BrokerSettings>,
    encryption: Option<EncryptionSettings>,
    sikka: Option<SikkaSettings>,
    vapi: Option<VapiSettings>,
    #[serde(default)]
    pms_api: Own,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Own {
    deep: bool,
    #[serde(serialize_with = "service::settings::hidden")]
    token: Option<Secret>,
}

impl Settings for Api {
    fn chassis(&self) -> Chassis<'_> {
        Chassis { http: &self.http, log: &self.log, otlp: &self.otlp, sentry: &self.sentry }
    }

    fn check(&self) -> Result<(), SettingsError> {
        if self.pms_api.deep && self.broker.is_none() {
            return Err(SettingsError::rule("pms_api.deep", "needs a broker"));
        }
        Ok(())
    }
}

const DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://app:hunter2@db/app");

struct TempFile(PathBuf);

impl Drop for TempFile {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

fn file(text: &str) -> TempFile {
    let id = format!("{:?}", std::thread::current().id()).replace(|c: char| !c.is_alphanumeric(), "");
    let path = std::env::temp_dir().join(format!("switchboard-settings-{}-{id}.toml", std::process::id()));
    std::fs::write(&path, text).expect("a temporary file");
    TempFile(path)
}

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn from(text: &str, pairs: &[(&str, &str)]) -> Result<Api, String> {
    let file = file(text);
    let sources = Sources { file: Some(file.0.clone()), variables: variables(pairs) };
    load::<Api>("pms-api", &sources)
        .map(|loaded| loaded.settings)
        .map_err(|error| error.to_string().replace(&file.0.display().to_string(), "FILE"))
}

fn refused(text: &str, pairs: &[(&str, &str)]) -> String {
    from(text, pairs).expect_err("refused")
}

#[test]
fn a_later_source_wins_over_an_earlier_one() {
    let text = "[http]\nport = 1\nhost = \"::1\"\n[database]\nurl = \"postgres://file\"\npool_size = 3";
    assert_eq!(from(text, &[]).expect("good").http.port, 1);
    let own = [DATABASE, ("SWITCHBOARD__DATABASE__URL", "postgres://own"), ("SWITCHBOARD__HTTP__PORT", "2")];
    let url = |pairs: &[(&str, &str)]| from(text, pairs).expect("good").database.url.expose().clone();
    assert_eq!(url(&[]), "postgres://file");
    assert_eq!(url(&own[..1]), DATABASE.1);
    assert_eq!(url(&own[..2]), "postgres://own");
    let all = from(text, &own).expect("good");
    assert_eq!((all.http.port, all.http.host.as_str(), all.http.workers), (2, "::1", 2));
    assert_eq!(all.database.pool_size, 3);
}

#[test]
fn one_file_serves_every_service_and_a_service_s_own_table_wins() {
    let text = "[http]\nport = 1\n[pms_api]\ndeep = false\n[pms_api.http]\nport = 2\n[sikka_worker.http]\nport = 3\n\
                [webhook_gateway]\nanything = true\n[slack]\nwebhook_url = \"https://example.test\"";
    assert_eq!(from(text, &[DATABASE]).expect("good").http.port, 2);
    let variable = ("SWITCHBOARD__PMS_API__HTTP__PORT", "4");
    assert_eq!(from(text, &[DATABASE, variable]).expect("good").http.port, 4);
}

#[test]
fn what_is_not_known_is_refused_with_its_path_and_its_source() {
    let cases = [
        ("[htpp]\nport = 1", "htpp.port is not a setting of any service (from FILE)"),
        ("port = 1", "port is not a setting of any service (from FILE)"),
        (
            "[http]\nprot = 1",
            "http.prot is not known here: expected one of `host`, `port`, `workers`, `drain_seconds` (from FILE)",
        ),
        (
            "[pms_api.http]\nprot = 1",
            "http.prot is not known here: expected one of `host`, `port`, `workers`, `drain_seconds` (from FILE)",
        ),
        (
            "[pms_api.slack]\nwebhook_url = 1",
            "pms_api.slack.webhook_url is not a setting of any service (from FILE)",
        ),
    ];
    for (text, sentence) in cases {
        assert_eq!(refused(text, &[DATABASE]), sentence);
    }
    assert_eq!(
        refused("", &[DATABASE, ("SWITCHBOARD__HTPP__PORT", "1")]),
        "htpp.port is not a setting of any service (from SWITCHBOARD__HTPP__PORT)"
    );
}

#[test]
fn a_wrong_value_is_refused_with_its_path_and_its_rule() {
    let cases = [
        (
            "SWITCHBOARD__HTTP__PORT",
            "many",
            "http.port must be a whole number (from SWITCHBOARD__HTTP__PORT)",
        ),
        (
            "SWITCHBOARD__HTTP__PORT",
            "70000",
            "http.port must be a number from 0 to 65535 (from SWITCHBOARD__HTTP__PORT)",
        ),
        (
            "SWITCHBOARD__HTTP__WORKERS",
            "0",
            "http.workers must be from 1 to 200 (from SWITCHBOARD__HTTP__WORKERS)",
        ),
        ("SWITCHBOARD__HTTP", "x", "http must be a group of named values (from SWITCHBOARD__HTTP)"),
        (
            "SWITCHBOARD__LOG__FORMAT",
            "xml",
            "log.format must be `json` or `pretty` (from SWITCHBOARD__LOG__FORMAT)",
        ),
        (
            "SWITCHBOARD__LOG__FILTER",
            "in=fo=x",
            "log.filter must be `level` or `target=level`, separated by commas (from SWITCHBOARD__LOG__FILTER)",
        ),
        (
            "DATABASE_URL",
            "mysql://app:hunter2@db",
            "database.url must begin with postgres:// or postgresql:// (from DATABASE_URL)",
        ),
        (
            "SWITCHBOARD__PMS_API__DEEP",
            "true",
            "pms_api.deep needs a broker (from SWITCHBOARD__PMS_API__DEEP)",
        ),
    ];
    for (name, value, sentence) in cases {
        assert_eq!(refused("", &[DATABASE, (name, value)]), sentence);
    }
}

#[test]
fn p8_a_refusal_never_repeats_a_secret() {
    let wrong_place = "[database.url]\nhunter2 = \"hunter2\"";
    let not_toml = "[encryption]\nkey = \"k1:hunter2\n";
    for text in [wrong_place, not_toml] {
        let sentence = refused(text, &[]);
        assert!(!sentence.replace("url.hunter2", "").contains("hunter2"), "{sentence}");
    }
    assert_eq!(
        refused(not_toml, &[]),
        "the settings file FILE is not TOML: TOML parse error at line 2, column 18"
    );
    for name in ["ENCRYPTION_KEY", "AMQP_URL", "DATABASE_URL"] {
        assert!(!refused("", &[DATABASE, (name, "hunter2")]).contains("hunter2"));
    }
}

#[test]
fn a_missing_secret_says_how_to_set_it() {
    let sentence = "database is missing: set DATABASE_URL, or put database into the file of --config";
    assert_eq!(refused("", &[]), sentence);
    assert_eq!(refused("", &[("DATABASE_URL", "")]), sentence, "an empty variable is not set");
    let sentence = refused("[database]\npool_size = 3", &[]);
    assert_eq!(
        sentence,
        "database.url is missing: set DATABASE_URL, or put database.url into the file of --config"
    );
    let sentence = refused("", &[DATABASE, ("SIKKA_APP_ID", "id")]);
    assert_eq!(
        sentence,
        "sikka.app_key is missing: set SIKKA_APP_KEY, or put sikka.app_key into the file of --config"
    );
    let sentence = refused("[vapi]\nwebhook_secret = \" \"", &[DATABASE]);
    assert_eq!(sentence, "vapi.webhook_secret must not be empty (from FILE)");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let sources = Sources { file: Some(PathBuf::from("nowhere.toml")), variables: BTreeMap::new() };
    let error = load::<Api>("pms-api", &sources).expect_err("no file");
    assert!(error.to_string().starts_with("the settings file nowhere.toml cannot be read: "), "{error}");
}

#[test]
fn p8_what_is_in_force_is_shown_with_its_source_and_without_secrets() {
    let pairs = [DATABASE, ("AMQP_URL", "amqp://app:hunter2@mq"), ("SWITCHBOARD__HTTP__PORT", "0")];
    let loaded = load::<Api>("pms-api", &Sources { file: None, variables: variables(&pairs) }).expect("good");
    let shown = describe(&loaded);
    assert!(!format!("{shown:?}").contains("hunter2"));
    let line = |path: &str| shown.iter().find(|line| line.path == path).cloned().expect("shown");
    let variable = |name: &str| Origin::Variable(name.to_owned());
    let described = |path: &str, value: &str, origin: Origin| Described {
        path: path.into(),
        value: value.into(),
        origin,
    };
    assert_eq!(line("database.url"), described("database.url", "[secret]", variable("DATABASE_URL")));
    assert_eq!(line("broker.url"), described("broker.url", "[secret]", variable("AMQP_URL")));
    assert_eq!(line("http.port"), described("http.port", "0", variable("SWITCHBOARD__HTTP__PORT")));
    assert_eq!(line("http.workers"), described("http.workers", "2", Origin::Default));
    assert_eq!(line("log.filter"), described("log.filter", "info,actix_server=warn", Origin::Default));
    assert_eq!(line("pms_api.token"), described("pms_api.token", "", Origin::Default));
}

#[test]
fn a_section_that_is_not_on_the_list_is_refused_before_another_service_meets_it() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Stray {
        #[serde(default)]
        http: HttpSettings,
        #[serde(default)]
        log: LogSettings,
        #[serde(default)]
        otlp: OtlpSettings,
        #[serde(default)]
        sentry: SentrySettings,
        #[serde(default)]
        surprise: Own,
    }
    impl Settings for Stray {
        fn chassis(&self) -> Chassis<'_> {
            Chassis { http: &self.http, log: &self.log, otlp: &self.otlp, sentry: &self.sentry }
        }
    }
    let error = load::<Stray>("pms-api", &Sources::default()).expect_err("not listed");
    assert!(error.to_string().starts_with("surprise "), "{error}");
}
