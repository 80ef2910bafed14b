use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Method;

/// One request, without its keys. It has no `Debug`: queries and bodies hold patients' data.
#[derive(Clone)]
pub struct Request {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) json: Option<Bytes>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) leave_by: Option<Instant>,
}

impl Request {
    fn new(operation: &'static str, method: Method, path: &str) -> Self {
        Self {
            operation,
            method,
            path: path.to_owned(),
            query: Vec::new(),
            json: None,
            deadline: None,
            leave_by: None,
        }
    }

    /// `GET path`, where `path` begins with `/` and is below the vendor's base URL. `operation` names it in metrics.
    #[must_use]
    pub fn get(operation: &'static str, path: &str) -> Self {
        Self::new(operation, Method::GET, path)
    }

    /// `POST path` with a JSON body.
    #[must_use]
    pub fn post(operation: &'static str, path: &str, json: impl Into<Bytes>) -> Self {
        Self { json: Some(json.into()), ..Self::new(operation, Method::POST, path) }
    }

    /// `PUT path` with a JSON body.
    #[must_use]
    pub fn put(operation: &'static str, path: &str, json: impl Into<Bytes>) -> Self {
        Self { json: Some(json.into()), ..Self::new(operation, Method::PUT, path) }
    }

    /// `PATCH path` with a JSON body.
    #[must_use]
    pub fn patch(operation: &'static str, path: &str, json: impl Into<Bytes>) -> Self {
        Self { json: Some(json.into()), ..Self::new(operation, Method::PATCH, path) }
    }

    /// With one more query parameter.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// With a deadline of its own for the whole call, waiting and retries included.
    #[must_use]
    pub const fn within(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// That must not leave later than this, whatever it waited for before: key, budget, another try.
    #[must_use]
    pub const fn leaving_by(mut self, moment: Instant) -> Self {
        self.leave_by = Some(moment);
        self
    }
}
