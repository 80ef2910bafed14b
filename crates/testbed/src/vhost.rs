//! A RabbitMQ virtual host of one's own.

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method, Url};

use crate::{aside, names, settings};

const PREFIX: &str = "sb_test_";

/// A fresh virtual host, deleted with everything in it when this value is dropped.
#[derive(Debug)]
pub struct Vhost {
    api: Url,
    amqp: Url,
    name: String,
}

impl Vhost {
    /// An empty virtual host on which the user of the management API may do everything.
    ///
    /// # Errors
    /// When the broker's management API cannot be reached or one of the variables is missing.
    pub async fn fresh() -> Result<Self> {
        let api = settings::address(settings::RABBITMQ_API)?;
        let amqp = settings::address(settings::AMQP)?;
        let user = if api.username().is_empty() { "guest" } else { api.username() }.to_owned();
        sweep(&api).await?;
        let name = names::fresh(PREFIX);
        call(&api, Method::PUT, &["vhosts", &name], Some("{}")).await?;
        let vhost = Self { api, amqp, name };
        let everything = r#"{"configure":".*","write":".*","read":".*"}"#;
        call(&vhost.api, Method::PUT, &["permissions", &vhost.name, &user], Some(everything)).await?;
        Ok(vhost)
    }

    /// The AMQP URL to hand to what is tested.
    #[must_use]
    pub fn url(&self) -> String {
        let mut url = self.amqp.clone();
        url.set_path(&self.name);
        url.into()
    }

    /// The virtual host's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many consumers are subscribed to `queue`, those that stand by for a single active one included. The
    /// management API tells it up to five seconds late.
    ///
    /// # Errors
    /// When the management API cannot be reached.
    pub async fn subscriptions(&self, queue: &str) -> Result<usize> {
        let list = call(&self.api, Method::GET, &["consumers", &self.name], None).await?;
        let list: Vec<serde_json::Value> = serde_json::from_str(&list)?;
        Ok(list.iter().filter(|consumer| consumer["queue"]["name"] == queue).count())
    }

    /// Closes every connection to this virtual host from the broker's side, as an operator would. Returns how many.
    ///
    /// The management API learns of a connection up to five seconds after it was made: poll if one must be hit.
    ///
    /// # Errors
    /// When the management API cannot be reached.
    pub async fn close_connections(&self) -> Result<usize> {
        let list = call(&self.api, Method::GET, &["vhosts", &self.name, "connections"], None).await?;
        let list: Vec<serde_json::Value> = serde_json::from_str(&list)?;
        let names = list.iter().filter_map(|connection| connection["name"].as_str());
        let mut closed = 0;
        for name in names {
            call(&self.api, Method::DELETE, &["connections", name], None).await?;
            closed += 1;
        }
        Ok(closed)
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        let (api, name) = (self.api.clone(), self.name.clone());
        aside::run(async move {
            let _ = call(&api, Method::DELETE, &["vhosts", &name], None).await;
        });
    }
}

async fn call(api: &Url, method: Method, path: &[&str], body: Option<&'static str>) -> Result<String> {
    // The HTTP client asks for a TLS provider even when it will only speak plain HTTP; a second installation is refused.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut url = api.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push("api").extend(path);
    }
    let mut request = Client::new().request(method, url).basic_auth(api.username(), api.password());
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body);
    }
    let answer = request.send().await.context("the broker's management API did not answer")?;
    let status = answer.status();
    ensure!(status.is_success(), "the broker's management API answered {status} for {}", path.join("/"));
    Ok(answer.text().await?)
}

async fn sweep(api: &Url) -> Result<()> {
    let list: Vec<serde_json::Value> =
        serde_json::from_str(&call(api, Method::GET, &["vhosts"], None).await?)?;
    for name in list.iter().filter_map(|vhost| vhost["name"].as_str()) {
        if names::is_stale(PREFIX, name) {
            // Another test binary may be sweeping the same one.
            let _ = call(api, Method::DELETE, &["vhosts", name], None).await;
        }
    }
    Ok(())
}
