//! All services of the phone's path as real processes, on a database and a broker of the test's own.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use seal::{KeyRing, Secret};
use serde_json::{Value, json};
use store::Store;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, SimpleQueryRow};

use crate::{Answer, Clinic, Database, Http, Newcomer, Process, Sandbox, Vhost, free_port};

const READY: Duration = Duration::from_secs(60);
/// A base64 of 32 zero bytes: a key for tests only.
const ENCRYPTION_KEY: &str = "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const WEBHOOK_SECRET: &str = "a-webhook-secret-of-tests";
const SANDBOX_KEY: &str = "sandbox-app-key";
const CALLBACK_KEY: &str = "a-callback-key-of-tests";

const SERVICES: [&str; 4] = ["webhook-gateway", "pms-api", "sikka-worker", "token-refresher"];

/// What a stack is started with.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Tenants, each with one practice on an office of its own.
    pub clinics: u32,
    /// Offices beside those of the clinics, which nobody is connected to.
    pub spare_offices: u32,
    /// Patients of each office, those with a story included.
    pub patients: u32,
    /// Shortest and longest time the practice's system takes for a write, in milliseconds.
    pub writes_ms: (u64, u64),
    /// How many of each service.
    pub replicas: usize,
    /// Settings for every service: `SWITCHBOARD__…`.
    pub settings: Vec<(String, String)>,
    /// Where the first `sikka-worker` stops: `before_send=pause`.
    pub failpoints: Option<String>,
    /// A database and a broker that the test may kill; otherwise the shared servers lend fresh ones.
    pub servers: Option<(String, String)>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            clinics: 1,
            spare_offices: 0,
            patients: 40,
            writes_ms: (300, 600),
            replicas: 1,
            settings: Vec::new(),
            failpoints: None,
            servers: None,
        }
    }
}

impl Plan {
    /// Adds a setting for every service, by its path: `sikka_worker.look_ms`.
    #[must_use]
    pub fn set(mut self, path: &str, value: impl std::fmt::Display) -> Self {
        let name = format!("SWITCHBOARD__{}", path.replace('.', "__").to_uppercase());
        self.settings.push((name, value.to_string()));
        self
    }
}

/// One running process with an HTTP port.
#[derive(Debug)]
pub struct Member {
    /// The process, to be killed.
    pub process: Process,
    /// `http://127.0.0.1:…`
    pub url: String,
}

impl Member {
    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// When it ends or does not become ready.
    pub async fn ready(&mut self) -> Result<()> {
        let url = format!("{}/ready", self.url);
        self.process.ready(&url, READY).await
    }
}

/// The voice vendor's way into a gateway, with its secret. It outlives the gateway's death.
#[derive(Debug, Clone)]
pub struct Door {
    url: String,
    http: Http,
}

impl Door {
    /// Posts a message on a call to `clinic`. What every such message says is added where `message` does not say it.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn webhook(&self, clinic: &Clinic, call: &str, message: Value) -> Result<Answer> {
        self.post(&on_a_call(clinic, call, message)).await
    }

    /// Posts any body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, body: &Value) -> Result<Answer> {
        self.http.send("POST", &self.url, &[("x-vapi-secret", WEBHOOK_SECRET)], Some(body)).await
    }
}

/// A whole Switchboard. Dropping it ends every process and removes the database and the virtual host.
#[derive(Debug)]
pub struct Stack {
    /// The voice vendor's door; the first replica is the one that [`Stack::tool`] uses.
    pub gateways: Vec<Member>,
    /// The REST API and the tools.
    pub apis: Vec<Member>,
    /// The workers that talk to the practices.
    pub workers: Vec<Member>,
    /// The keepers of keys.
    pub refreshers: Vec<Member>,
    /// The vendor.
    pub vendor: Process,
    /// What the vendor's practices hold, and their dials.
    pub sandbox: Sandbox,
    /// The tenants.
    pub clinics: Vec<Clinic>,
    /// The test's own way to the rows.
    pub store: Store,
    /// The test's own HTTP client.
    pub http: Http,
    /// Where the rows are.
    pub database_url: String,
    /// Where the messages are.
    pub amqp_url: String,
    plan: Plan,
    vendor_url: String,
    _database: Option<Database>,
    _vhost: Option<Vhost>,
}

impl Stack {
    /// Starts a stack and waits until every process is ready.
    ///
    /// # Errors
    /// When a server is away, a binary is not built, or a process does not become ready.
    pub async fn start(plan: Plan) -> Result<Self> {
        let (database, vhost) = match &plan.servers {
            Some(_) => (None, None),
            None => (Some(migrated().await?), Some(Vhost::fresh().await?)),
        };
        let lent = |database: &Option<Database>, vhost: &Option<Vhost>| {
            Some((database.as_ref()?.url(), vhost.as_ref()?.url()))
        };
        let (database_url, amqp_url) =
            plan.servers.clone().or_else(|| lent(&database, &vhost)).context("there are no servers")?;
        let keys = Arc::new(KeyRing::parse(ENCRYPTION_KEY)?);
        let store = Store::open(&Secret::new(database_url.clone()), 4, keys).await?;
        let mut clinics = Vec::new();
        for index in 0..plan.clinics {
            clinics.push(Clinic::make(&store, index).await?);
        }
        let http = Http::new()?;
        let (vendor_port, admin_port) = (free_port()?, free_port()?);
        let mut vendor = Process::new("sandbox")?
            .env("SANDBOX_PORT", vendor_port.to_string())
            .env("SANDBOX_ADMIN_PORT", admin_port.to_string());
        vendor.start()?;
        let admin = format!("http://127.0.0.1:{admin_port}");
        let mut stack = Self {
            gateways: Vec::new(),
            apis: Vec::new(),
            workers: Vec::new(),
            refreshers: Vec::new(),
            vendor,
            sandbox: Sandbox { admin: admin.clone(), http: http.clone() },
            clinics,
            store,
            http,
            database_url,
            amqp_url,
            vendor_url: format!("http://127.0.0.1:{vendor_port}"),
            plan,
            _database: database,
            _vhost: vhost,
        };
        stack.vendor.ready(&format!("{admin}/admin/clock"), READY).await?;
        stack.grow_offices().await?;
        for replica in 0..stack.plan.replicas {
            let failpoints = stack.plan.failpoints.clone().filter(|_| replica == 0);
            let (gateway, api) = (stack.member("webhook-gateway", None)?, stack.member("pms-api", None)?);
            let worker = stack.member("sikka-worker", failpoints.as_deref())?;
            let refresher = stack.member("token-refresher", None)?;
            stack.gateways.push(gateway);
            stack.apis.push(api);
            stack.workers.push(worker);
            stack.refreshers.push(refresher);
        }
        stack.ready().await?;
        Ok(stack)
    }

    /// A tenant with a key to the REST API and nothing else: no location, no connection.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn newcomer(&self, slug: &str) -> Result<Newcomer> {
        Newcomer::make(&self.store, slug).await
    }

    /// Another location of `clinic`'s tenant, on a spare office: `D10002`.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn another_location(&self, clinic: &Clinic, office: &str) -> Result<Clinic> {
        clinic.another_location(&self.store, office).await
    }

    async fn grow_offices(&self) -> Result<()> {
        let (least, most) = self.plan.writes_ms;
        let seed = json!({
            "offices": self.plan.clinics + self.plan.spare_offices, "patients": self.plan.patients,
            "writeback_min_ms": least, "writeback_max_ms": most,
        });
        self.sandbox.call("POST", "/seed", Some(&seed)).await.map(drop)
    }

    /// Waits until every process is ready.
    ///
    /// # Errors
    /// When one is not in time.
    pub async fn ready(&mut self) -> Result<()> {
        let members = self.gateways.iter_mut().chain(&mut self.apis);
        for member in members.chain(&mut self.workers).chain(&mut self.refreshers) {
            member.ready().await?;
        }
        Ok(())
    }

    /// Starts one more process of a service; nobody waits for it yet.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn member(&self, service: &str, failpoints: Option<&str>) -> Result<Member> {
        let port = free_port()?;
        let mut process = Process::new(service)?
            .env("DATABASE_URL", &self.database_url)
            .env("AMQP_URL", &self.amqp_url)
            .env("ENCRYPTION_KEY", ENCRYPTION_KEY)
            .env("SIKKA_APP_ID", "sandbox-app")
            .env("SIKKA_APP_KEY", SANDBOX_KEY)
            .env("SIKKA_CALLBACK_KEY", CALLBACK_KEY)
            .env("VAPI_WEBHOOK_SECRET", WEBHOOK_SECRET)
            .env("SLACK_WEBHOOK_URL", format!("{}/hooks/slack/tests", self.vendor_url))
            .env("SWITCHBOARD__HTTP__PORT", port.to_string())
            .env("SWITCHBOARD__HTTP__DRAIN_SECONDS", "2")
            .env("SWITCHBOARD__SIKKA__BASE_URL", format!("{}/v4", self.vendor_url))
            .env("SWITCHBOARD__OIDC__ISSUER", self.issuer())
            .env("SWITCHBOARD__OIDC__AUDIENCE", "switchboard-local")
            .env("SWITCHBOARD__PMS_API__WRITE_WAIT_SECONDS", "4")
            .env("SWITCHBOARD__WEBHOOK_GATEWAY__TOOL_MS", "18000")
            .env("SWITCHBOARD__SIKKA_WORKER__LOOK_MS", "300")
            .env("SWITCHBOARD__SIKKA_WORKER__SETUP_WAIT_SECONDS", "0.5")
            .env("SWITCHBOARD__SIKKA_WORKER__CALENDAR_MS", "500");
        for (name, value) in &self.plan.settings {
            process = process.env(name, value);
        }
        if let Some(failpoints) = failpoints {
            process = process.env("FAILPOINTS", failpoints);
        }
        process.start()?;
        Ok(Member { process, url: format!("http://127.0.0.1:{port}") })
    }

    /// The URL of a webhook at the sandbox; `GET /admin/hooks` shows what arrived there. The operator's Slack is
    /// there too.
    #[must_use]
    pub fn hook(&self, name: &str) -> String {
        format!("{}/hooks/webhook/{name}", self.vendor_url)
    }

    /// Sets something else for every process that is started from now on.
    pub fn set(&mut self, path: &str, value: impl std::fmt::Display) {
        self.plan = self.plan.clone().set(path, value);
    }

    /// Ends every process without warning and starts it again with what is set by now, until each is ready.
    ///
    /// # Errors
    /// When one does not become ready.
    pub async fn start_again(&mut self) -> Result<()> {
        for (number, service) in SERVICES.into_iter().enumerate() {
            for replica in 0..self.members(number).len() {
                let fresh = self.member(service, None)?;
                if let Some(old) = self.members(number).get_mut(replica) {
                    old.process.kill9();
                    *old = fresh;
                }
            }
        }
        self.ready().await
    }

    fn members(&mut self, number: usize) -> &mut Vec<Member> {
        match number {
            0 => &mut self.gateways,
            1 => &mut self.apis,
            2 => &mut self.workers,
            _ => &mut self.refreshers,
        }
    }

    /// Who signs people in: the sandbox.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("{}/oidc", self.vendor_url)
    }

    /// A token of the sandbox's issuer, as `wish` has it: `{"user": "…", "use": "id", "spoil": "expired"}`.
    ///
    /// # Errors
    /// When it is refused or not answered.
    pub async fn token(&self, wish: &Value) -> Result<String> {
        let minted = self.sandbox.call("POST", "/oidc/tokens", Some(wish)).await?;
        minted["token"].as_str().map(str::to_owned).context("no token in the answer")
    }

    /// A command of the `switchboard` program on this stack; run it with [`Process::start`].
    ///
    /// # Errors
    /// When the program is not built.
    pub fn program(&self) -> Result<Process> {
        Ok(Process::new("switchboard")?
            .env("DATABASE_URL", &self.database_url)
            .env("AMQP_URL", &self.amqp_url)
            .env("ENCRYPTION_KEY", ENCRYPTION_KEY))
    }

    /// Where everything is, as `switchboard up` leaves it in its `up.json`; the tenant is the first.
    ///
    /// # Errors
    /// When there is no tenant.
    pub fn place(&self) -> Result<Value> {
        let clinic = self.clinics.first().context("there is no tenant")?;
        let urls =
            |members: &[Member]| -> Vec<String> { members.iter().map(|member| member.url.clone()).collect() };
        Ok(json!({
            "database_url": self.database_url, "amqp_url": self.amqp_url,
            "gateway": urls(&self.gateways), "pms_api": urls(&self.apis),
            "sandbox": self.vendor_url, "sandbox_admin": self.sandbox.admin,
            "webhook_secret": WEBHOOK_SECRET, "callback_key": CALLBACK_KEY, "tenant": clinic.tenant.to_string(),
            "office": clinic.office, "called": clinic.number, "api_key": clinic.api_key,
        }))
    }

    /// A connection as the database's owner, for whom no row is hidden: for a transaction that stays open.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn owner(&self) -> Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.database_url, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Runs SQL as the database's owner: the rows' columns as text, `""` for null.
    ///
    /// # Errors
    /// When the database is away or refuses it.
    pub async fn sql(&self, text: &str) -> Result<Vec<Vec<String>>> {
        let client = self.owner().await?;
        let columns = |row: &SimpleQueryRow| {
            (0..row.len()).map(|column| row.get(column).unwrap_or_default().to_owned()).collect()
        };
        let messages = client.simple_query(text).await?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(columns(row)),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// What must never be read in a log or a metric: the secrets this stack runs with.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let offices = self.clinics.iter().map(|clinic| format!("sandbox-secret-{}", clinic.office));
        let keys = self.clinics.iter().map(|clinic| clinic.api_key.clone());
        let fixed =
            [ENCRYPTION_KEY, WEBHOOK_SECRET, SANDBOX_KEY, CALLBACK_KEY, "guest:guest"].map(str::to_owned);
        offices.chain(keys).chain(fixed).collect()
    }

    /// Everything the services have logged so far, the sandbox's own log left out: it is the vendor's.
    #[must_use]
    pub fn logs(&self) -> String {
        let members = self.gateways.iter().chain(&self.apis).chain(&self.workers).chain(&self.refreshers);
        members.map(|member| member.process.log()).collect()
    }

    /// The voice vendor's way in, through one of the gateways.
    ///
    /// # Errors
    /// When there is no such gateway.
    pub fn door(&self, gateway: usize) -> Result<Door> {
        let gateway = self.gateways.get(gateway).context("there is no such gateway")?;
        Ok(Door { url: format!("{}/api/vapi/webhook", gateway.url), http: self.http.clone() })
    }

    /// Has the sandbox tell the first gateway of changes, and of installs at `install_path`.
    ///
    /// # Errors
    /// When it is refused or not answered.
    pub async fn tell_by_webhook(&self, install_path: Option<&str>) -> Result<()> {
        let gateway = &self.gateways.first().context("there is no gateway")?.url;
        let settings = json!({
            "install_url": install_path.map(|path| format!("{gateway}{path}")),
            "change_url": format!("{gateway}/api/sikka/webhook"),
            "callback_key": CALLBACK_KEY,
        });
        self.sandbox.call("PUT", "/sikka/webhooks", Some(&settings)).await.map(drop)
    }

    /// A message of the voice vendor's on a call to `clinic`, through the first gateway.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn webhook(&self, clinic: &Clinic, call: &str, message: Value) -> Result<Answer> {
        self.door(0)?.webhook(clinic, call, message).await
    }

    /// What the voice agent is told when it uses a tool on a call.
    ///
    /// # Errors
    /// When the answer is not one the voice vendor would take.
    pub async fn tool(
        &self,
        clinic: &Clinic,
        (call, id): (&str, &str),
        tool: &str,
        arguments: &Value,
    ) -> Result<Value> {
        let answer = self.webhook(clinic, call, tool_call(id, tool, arguments)).await?;
        told(&answer)
    }

    /// A request at the REST API with a key.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn rest(
        &self,
        key: &str,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer> {
        let api = self.apis.first().context("there is no pms-api")?;
        let bearer = format!("Bearer {key}");
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend(headers);
        self.http.send(method, &format!("{}{path}", api.url), &all, body).await
    }
}

async fn migrated() -> Result<Database> {
    Database::fresh(store::template_key(), |url| async move {
        store::migrate(&Secret::new(url)).await?;
        Ok(())
    })
    .await
}

/// A message as the voice vendor sends it on a call to `clinic` from a phone that no patient has.
fn on_a_call(clinic: &Clinic, call: &str, mut message: Value) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let defaults = json!({
        "timestamp": u64::try_from(now.as_millis()).unwrap_or_default(),
        "call": { "id": call, "metadata": { "accountId": clinic.tenant.to_string() } },
        "phoneNumber": { "number": clinic.number },
        "customer": { "number": "+15550100099" },
    });
    if let (Value::Object(message), Value::Object(defaults)) = (&mut message, defaults) {
        for (name, value) in defaults {
            message.entry(name).or_insert(value);
        }
    }
    json!({ "message": message })
}

fn tool_call(id: &str, tool: &str, arguments: &Value) -> Value {
    let call = json!({ "id": id, "type": "function", "function": { "name": tool, "arguments": arguments } });
    json!({ "type": "tool-calls", "toolCallList": [call] })
}

/// The one result of an answer to tool calls: the line the agent reads.
fn told(answer: &Answer) -> Result<Value> {
    ensure!(answer.status == 200, "a tool call was answered {}: {}", answer.status, answer.text);
    let body = answer.json();
    let line = body["results"][0]["result"].as_str().context("a tool call without a result")?;
    ensure!(!line.contains(['\n', '\r']), "the result of a tool call has several lines");
    Ok(serde_json::from_str(line)?)
}
