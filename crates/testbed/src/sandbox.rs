//! The sandbox's admin API: what the simulated practices really hold, and their dials.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::Http;

/// Speaks to the admin API of a running sandbox.
#[derive(Debug, Clone)]
pub struct Sandbox {
    pub(crate) admin: String,
    pub(crate) http: Http,
}

impl Sandbox {
    /// Any call of the admin API; the path is without `/admin`.
    ///
    /// # Errors
    /// When it is refused or not answered.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let answer = self.http.send(method, &format!("{}/admin{path}", self.admin), &[], body).await?;
        ensure!(answer.status == 200, "{method} {path}: {} {}", answer.status, answer.text);
        Ok(answer.json())
    }

    /// A call of the admin API about one office.
    ///
    /// # Errors
    /// When it is refused or not answered.
    pub async fn office(
        &self,
        method: &str,
        office: &str,
        what: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        self.call(method, &format!("/sikka/offices/{office}{what}"), body).await
    }

    /// Turns some of the dials that spoil answers.
    ///
    /// # Errors
    /// When it is refused or not answered.
    pub async fn faults(&self, dials: &Value) -> Result<()> {
        self.call("POST", "/sikka/faults", Some(dials)).await.map(drop)
    }

    /// The appointments in an office's own records that were booked through Switchboard.
    ///
    /// # Errors
    /// When it is not answered.
    pub async fn booked(&self, office: &str) -> Result<Vec<Value>> {
        let pms = self.office("GET", office, "/pms", None).await?;
        let ours = |one: &&Value| one["description"].as_str().is_some_and(|text| text.contains("ref "));
        Ok(pms["appointments"].as_array().into_iter().flatten().filter(ours).cloned().collect())
    }

    /// The writes an office was ever asked for, in the order it got them.
    ///
    /// # Errors
    /// When it is not answered.
    pub async fn writes(&self, office: &str) -> Result<Vec<Value>> {
        let writes = self.office("GET", office, "/writebacks", None).await?;
        Ok(writes.as_array().cloned().unwrap_or_default())
    }

    /// The numbers of all patients an office has.
    ///
    /// # Errors
    /// When it is not answered.
    pub async fn patients(&self, office: &str) -> Result<Vec<String>> {
        let pms = self.office("GET", office, "/pms", None).await?;
        let patients = pms["patients"].as_array().into_iter().flatten();
        Ok(patients.map(|one| one["patient_id"].to_string()).collect())
    }
}
