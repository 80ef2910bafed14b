use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::cli::SandboxAction;
use crate::out::Out;
use crate::place::Place;

/// The sandbox's admin API.
#[derive(Clone)]
pub(crate) struct Sandbox {
    client: reqwest::Client,
    base: String,
}

impl Sandbox {
    pub(crate) fn new(base: &str) -> Self {
        // A connection kept from an earlier question may be closed in the very moment it is used again.
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().build();
        Self { client: client.unwrap_or_default(), base: base.to_owned() }
    }

    /// Asks, and reads the answer whatever its status.
    pub(crate) async fn ask(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(bool, Value)> {
        let mut request =
            self.client.request(method, format!("{}{path}", self.base)).timeout(Duration::from_secs(120));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.context("the sandbox does not answer")?;
        let good = answer.status().is_success();
        let text = answer.text().await?;
        Ok((good, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.good(reqwest::Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.good(reqwest::Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.good(reqwest::Method::PUT, path, Some(body)).await
    }

    async fn good(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        match self.ask(method, path, body).await? {
            (true, answer) => Ok(answer),
            (false, answer) => bail!("the sandbox refused {path}: {answer}"),
        }
    }
}

/// `switchboard sandbox …`.
pub(crate) async fn run(action: SandboxAction, state: &Path, out: Out) -> anyhow::Result<ExitCode> {
    let sandbox = Sandbox::new(&Place::read(state)?.sandbox_admin);
    let answer = match action {
        SandboxAction::Banner => sandbox.get("/admin/banner").await?,
        SandboxAction::Calls => sandbox.get("/admin/vapi/scripts").await?,
        SandboxAction::Call { method, path, body } => {
            let method = method.to_uppercase().parse().context("no such method")?;
            let body: Option<Value> =
                body.as_deref().map(serde_json::from_str).transpose().context("the body is not JSON")?;
            let (good, answer) = sandbox.ask(method, &path, body.as_ref()).await?;
            if !good {
                bail!("the sandbox refused: {answer}");
            }
            answer
        }
    };
    if out.is_json() {
        out.object(&answer);
    } else {
        out.say(serde_json::to_string_pretty(&answer)?);
    }
    Ok(ExitCode::SUCCESS)
}
