//! Where the test servers are.

use anyhow::{Context, Result};
use reqwest::Url;

pub(crate) const DATABASE: &str = "SWITCHBOARD_TEST_DATABASE_URL";
pub(crate) const AMQP: &str = "SWITCHBOARD_TEST_AMQP_URL";
pub(crate) const RABBITMQ_API: &str = "SWITCHBOARD_TEST_RABBITMQ_API";

/// The address in `variable`, or one sentence that says what to do about its absence.
pub(crate) fn address(variable: &str) -> Result<Url> {
    let text = std::env::var(variable).with_context(|| format!("set {variable} or run scripts/test"))?;
    Url::parse(&text).with_context(|| format!("{variable} is not a URL"))
}
