use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::commands::seed::Newcomer;
use crate::place::Place;

/// The clinic's own programs: the REST API with its key.
pub(super) struct Clinic {
    client: reqwest::Client,
    base: String,
    api_key: String,
}

impl Clinic {
    pub(super) fn new(place: &Place, newcomer: &Newcomer) -> anyhow::Result<Self> {
        let base = place.pms_api.first().context("no pms-api runs")?.clone();
        Ok(Self { client: reqwest::Client::new(), base, api_key: newcomer.api_key.clone() })
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.answer(self.client.get(format!("{}{path}", self.base)), path).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.answer(self.client.post(format!("{}{path}", self.base)).json(body), path).await
    }

    async fn answer(&self, asked: reqwest::RequestBuilder, path: &str) -> anyhow::Result<Value> {
        let asked = asked.bearer_auth(&self.api_key).timeout(Duration::from_secs(30));
        let answer = asked.send().await.context("the REST API does not answer")?;
        let http = answer.status();
        let body = answer.text().await?;
        ensure!(http.is_success(), "{path} was answered with {http}: {body}");
        Ok(serde_json::from_str(&body)?)
    }
}
