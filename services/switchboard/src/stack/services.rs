use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::{Instant, sleep};

use super::child::Child;
use super::ports::free_port;
use super::servers::Servers;

/// The services, in the order they are started.
const SERVICES: [&str; 4] = ["token-refresher", "sikka-worker", "pms-api", "webhook-gateway"];

/// A start takes seconds; on a machine that is busy with other things it may take a minute.
const READY: Duration = Duration::from_secs(90);

/// What a fleet is started with.
#[derive(Debug, Clone)]
pub(crate) struct FleetPlan {
    pub(crate) state: PathBuf,
    pub(crate) database_url: String,
    pub(crate) amqp_url: String,
    pub(crate) encryption_key: String,
    pub(crate) webhook_secret: String,
    pub(crate) first_port: u16,
    /// Which services, and how many of each.
    pub(crate) services: Vec<(&'static str, u16)>,
    /// Arguments of the sandbox beside its ports.
    pub(crate) sandbox: Vec<String>,
    /// Settings for every service: `SWITCHBOARD__…`.
    pub(crate) settings: Vec<(String, String)>,
}

impl FleetPlan {
    /// Every service, so many times.
    pub(crate) fn every_service(replicas: u16) -> Vec<(&'static str, u16)> {
        SERVICES.map(|service| (service, replicas)).to_vec()
    }

    /// What is set under a name for every service.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// One of every service on these servers, with a webhook secret of its own.
    pub(crate) fn new(state: &Path, servers: &Servers, encryption_key: &str) -> anyhow::Result<Self> {
        Ok(Self {
            state: state.to_owned(),
            database_url: servers.database_url.clone(),
            amqp_url: servers.amqp_url.clone(),
            encryption_key: encryption_key.to_owned(),
            webhook_secret: seal::sha256_hex(&seal::random::<32>()?),
            first_port: 7700,
            services: Self::every_service(1),
            sandbox: Vec::new(),
            settings: Vec::new(),
        })
    }
}

/// Every process of a stack.
pub(crate) struct Fleet {
    pub(crate) children: Vec<(Child, u16)>,
    pub(crate) gateways: Vec<String>,
    pub(crate) apis: Vec<String>,
    pub(crate) sandbox: String,
    pub(crate) sandbox_admin: String,
}

impl Fleet {
    /// Starts every process and waits until each says that it is ready.
    pub(crate) async fn start(plan: &FleetPlan) -> anyhow::Result<Self> {
        let mut fleet = Self::prepare(plan)?;
        for (child, _) in &mut fleet.children {
            child.start()?;
        }
        if let Err(error) = fleet.ready(READY).await {
            fleet.stop().await;
            return Err(error);
        }
        Ok(fleet)
    }

    fn prepare(plan: &FleetPlan) -> anyhow::Result<Self> {
        let programs = std::env::current_exe()?
            .parent()
            .map(Path::to_path_buf)
            .context("the folder of this program cannot be found")?;
        let logs = plan.state.join("log");
        std::fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
        let mut next = plan.first_port;
        let mut port = || -> anyhow::Result<u16> {
            let given = free_port(next)?;
            next = next.saturating_add(1);
            Ok(given)
        };
        // The ports people open in a browser come first.
        let (gateway, api, sandbox, admin) = (port()?, port()?, port()?, port()?);
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let mut fleet = Self {
            children: Vec::new(),
            gateways: Vec::new(),
            apis: Vec::new(),
            sandbox: url(sandbox),
            sandbox_admin: url(admin),
        };
        let mut arguments = vec!["--port".to_owned(), sandbox.to_string()];
        arguments.extend(["--admin-port".to_owned(), admin.to_string()]);
        arguments.extend(["--gateway-url".to_owned(), url(gateway)]);
        arguments.extend(plan.sandbox.iter().cloned());
        let program = programs.join("sandbox");
        fleet.children.push((Child::new("sandbox", program, arguments, Vec::new(), &logs), sandbox));
        for (service, replicas) in &plan.services {
            for replica in 1..=*replicas {
                let at = match (*service, replica) {
                    ("webhook-gateway", 1) => gateway,
                    ("pms-api", 1) => api,
                    _ => port()?,
                };
                match *service {
                    "webhook-gateway" => fleet.gateways.push(url(at)),
                    "pms-api" => fleet.apis.push(url(at)),
                    _ => {}
                }
                let name = if replica == 1 { (*service).to_owned() } else { format!("{service}-{replica}") };
                let variables = variables(plan, at, &fleet.sandbox);
                let program = programs.join(service);
                fleet.children.push((Child::new(name, program, Vec::new(), variables, &logs), at));
            }
        }
        Ok(fleet)
    }

    /// Waits until every service is ready.
    pub(crate) async fn ready(&mut self, patience: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + patience;
        let admin = self.sandbox_admin.clone();
        for (child, port) in &mut self.children {
            let url = if child.name == "sandbox" {
                format!("{admin}/admin/clock")
            } else {
                format!("http://127.0.0.1:{port}/ready")
            };
            wait_ready(&url, until, || child.has_died()).await.with_context(|| {
                format!(
                    "{} did not become ready (its log: {})\n{}",
                    child.name,
                    child.log().display(),
                    child.last_words()
                )
            })?;
        }
        Ok(())
    }

    /// The process called `name`.
    pub(crate) fn child(&mut self, name: &str) -> Option<&mut Child> {
        self.children.iter_mut().map(|(child, _)| child).find(|child| child.name == name)
    }

    /// Starts again whatever died by itself, and names it.
    pub(crate) fn revive(&mut self) -> anyhow::Result<Vec<String>> {
        let mut revived = Vec::new();
        for (child, _) in &mut self.children {
            if child.has_died() {
                child.start()?;
                revived.push(child.name.clone());
            }
        }
        Ok(revived)
    }

    /// Stops every process, callers first.
    pub(crate) async fn stop(&mut self) {
        for (child, _) in self.children.iter_mut().rev() {
            child.stop(Duration::from_secs(10)).await;
        }
    }
}

/// The sandbox's issuer of sign-ins.
pub(crate) fn issuer(sandbox: &str) -> String {
    format!("{sandbox}/oidc")
}

fn variables(plan: &FleetPlan, port: u16, sandbox: &str) -> Vec<(String, String)> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut variables = vec![
        pair("DATABASE_URL", &plan.database_url),
        pair("AMQP_URL", &plan.amqp_url),
        pair("ENCRYPTION_KEY", &plan.encryption_key),
        pair("SIKKA_APP_ID", "sandbox-app"),
        pair("SIKKA_APP_KEY", "sandbox-app-key"),
        pair("SWITCHBOARD__SIKKA__BASE_URL", &format!("{sandbox}/v4")),
        pair("VAPI_WEBHOOK_SECRET", &plan.webhook_secret),
        // The sandbox shows what the operator's Slack would: GET /admin/hooks.
        pair("SLACK_WEBHOOK_URL", &format!("{sandbox}/hooks/slack/local")),
        pair("SWITCHBOARD__PMS_API__ALLOW_LOCAL_URLS", "true"),
        pair("SWITCHBOARD__HTTP__PORT", &port.to_string()),
        pair("SWITCHBOARD__OIDC__ISSUER", &issuer(sandbox)),
        pair("SWITCHBOARD__OIDC__AUDIENCE", "switchboard-local"),
    ];
    variables.extend(plan.settings.iter().cloned());
    variables
}

/// Asks `url` until it answers 200, `until` is past, or `dead` says that nobody will answer.
pub(crate) async fn wait_ready(
    url: &str,
    until: Instant,
    mut dead: impl FnMut() -> bool,
) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    loop {
        let asked = client.get(url).timeout(Duration::from_secs(2)).send().await;
        if asked.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        if dead() {
            bail!("it ended at once");
        }
        if Instant::now() >= until {
            bail!("it was waited for in vain");
        }
        sleep(Duration::from_millis(50)).await;
    }
}
