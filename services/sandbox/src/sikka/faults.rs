//! The dials that spoil answers, set over the admin API.

use serde::{Deserialize, Serialize};

/// Every dial. As a JSON body each may be left out: `PUT` sets those to their defaults, `POST` leaves them alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Milliseconds every answer is held back.
    pub latency_ms: u64,
    /// Up to this many milliseconds more, drawn for each answer.
    pub jitter_ms: u64,
    /// Refuse the next calls.
    pub fail_next: Option<FailNext>,
    /// Take the next writes and lose the receipt.
    pub lose_reply_after_write: Option<LoseReply>,
    /// Cut the body of the next answers half way.
    pub truncate_next: u32,
    /// Calls in 60 s per request key (or application); 0 is no limit and no rate headers.
    pub rate_limit_per_minute: u32,
    /// Calls per office and simulated day, 0 for none.
    pub daily_quota: u32,
    /// Life of a request key, in simulated seconds.
    pub key_life_seconds: i64,
    /// After so many calls a request key has expired; 0 for never.
    pub key_calls: u64,
    /// Whether a refresh brings a new refresh key and kills the old one.
    pub rotate_refresh_key: bool,
    /// Whether the grant `request_key` hands out the key that is still running.
    pub reuse_running_key: bool,
    /// Whether lists come wrapped in a one-element array.
    pub array_wrapped: bool,
    /// Whether the rows of an office say `1-1` for practice 1.
    pub composite_practice_ids: bool,
    /// Whether an empty list is 200 with no items instead of 204.
    pub empty_as_200: bool,
    /// Whether JSON is sent as `text/html`.
    pub html_content_type: bool,
    /// How many PATCHes are answered 200 API0008, which means: not logged.
    pub status_not_logged: u32,
    /// API names outside the application's plan: 401 API2004.
    pub scopes_removed: Vec<String>,
    /// Simulated seconds after a refresh during which `Data-Insert` says "in progress".
    pub data_insert_seconds: i64,
    /// Whether a cancelled appointment is no longer in the list, as in systems that delete them.
    pub cancelled_vanish: bool,
    /// Whether the phone filters compare the text as typed instead of its digits.
    pub phone_match_raw: bool,
    /// How many of the next change webhooks are never sent.
    pub lose_webhooks: u32,
    /// How many of the next change webhooks are sent twice.
    pub double_webhooks: u32,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            jitter_ms: 0,
            fail_next: None,
            lose_reply_after_write: None,
            truncate_next: 0,
            rate_limit_per_minute: 250,
            daily_quota: 0,
            key_life_seconds: 86_400,
            key_calls: 0,
            rotate_refresh_key: false,
            reuse_running_key: false,
            array_wrapped: false,
            composite_practice_ids: false,
            empty_as_200: false,
            html_content_type: false,
            status_not_logged: 0,
            scopes_removed: Vec::new(),
            data_insert_seconds: 0,
            cancelled_vanish: false,
            phone_match_raw: false,
            lose_webhooks: 0,
            double_webhooks: 0,
        }
    }
}

/// Refuse some calls with a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailNext {
    /// How many.
    pub count: u32,
    /// HTTP status; the code the contract lists for it comes with it.
    pub status: u16,
    /// What `X-Rate-Limit-Reset` says when the status is 429, in seconds.
    #[serde(default = "one")]
    pub reset_seconds: u64,
    /// Only paths that start so, e.g. `/v4/appointments`; `""` for all.
    #[serde(default)]
    pub path_prefix: String,
    /// Only this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Only this office.
    #[serde(default)]
    pub office: Option<String>,
}

fn one() -> u64 {
    1
}

/// Take some writes and lose what was said about them. A bare number means that many, cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "LoseReplyInput")]
pub struct LoseReply {
    /// How many.
    pub count: u32,
    /// What happens instead of the receipt.
    pub how: Lost,
    /// Only paths that start so; `""` for all writes.
    pub path_prefix: String,
    /// Only this office.
    pub office: Option<String>,
}

/// What happens instead of the receipt of a write that was taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// The connection is cut.
    #[default]
    Drop,
    /// Nothing comes.
    Hang,
    /// 504 API2022.
    GatewayTimeout,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LoseReplyInput {
    Count(u32),
    Full(LoseReplyFields),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoseReplyFields {
    count: u32,
    #[serde(default)]
    how: Lost,
    #[serde(default)]
    path_prefix: String,
    #[serde(default)]
    office: Option<String>,
}

impl From<LoseReplyInput> for LoseReply {
    fn from(input: LoseReplyInput) -> Self {
        match input {
            LoseReplyInput::Count(count) => {
                Self { count, how: Lost::Drop, path_prefix: String::new(), office: None }
            }
            LoseReplyInput::Full(LoseReplyFields { count, how, path_prefix, office }) => {
                Self { count, how, path_prefix, office }
            }
        }
    }
}

impl Faults {
    /// The refusal this call is to get, if any; counts it off.
    pub fn take_failure(&mut self, method: &str, path: &str, office: &str) -> Option<FailNext> {
        let fail = self.fail_next.as_mut()?;
        let wanted = fail.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && path.starts_with(&fail.path_prefix)
            && fail.office.as_deref().is_none_or(|wanted| wanted == office);
        (wanted && count_off(&mut fail.count)).then(|| fail.clone())
    }

    /// How the receipt of this write is lost, if it is; counts it off.
    pub fn take_loss(&mut self, path: &str, office: &str) -> Option<Lost> {
        let lose = self.lose_reply_after_write.as_mut()?;
        let wanted = path.starts_with(&lose.path_prefix)
            && lose.office.as_deref().is_none_or(|wanted| wanted == office);
        (wanted && count_off(&mut lose.count)).then_some(lose.how)
    }
}

/// Whether a counter had any left; takes one.
pub(crate) fn count_off(left: &mut u32) -> bool {
    let any = *left > 0;
    *left = left.saturating_sub(1);
    any
}
