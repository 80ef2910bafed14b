//! Request keys and refresh keys (contract section 2).

use std::collections::HashMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use serde::Serialize;

use super::call::{Call, Reply};
use super::errors::Problem;
use super::state::State;
use super::zone;

/// Every key that was handed out.
#[derive(Debug, Default)]
pub struct Keys {
    running: HashMap<String, Key>,
    refresh: HashMap<String, String>,
}

/// One request key.
#[derive(Debug, Clone)]
pub struct Key {
    /// Office it opens.
    pub office_id: String,
    /// When it was handed out.
    pub start: Timestamp,
    /// When it dies.
    pub end: Timestamp,
    /// Calls made with it, for `request_count`.
    pub calls: u64,
}

#[derive(Debug, Serialize)]
struct KeyInfo {
    href: String,
    request_key: String,
    start_time: String,
    end_time: String,
    expires_in: String,
    issued_to: String,
    status: &'static str,
    request_count: String,
    scope: String,
    domain: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_key: Option<String>,
}

impl Keys {
    /// The key, running or expired, unless it was revoked.
    pub fn find(&mut self, key: &str) -> Option<&mut Key> {
        self.running.get_mut(key)
    }

    /// The office a refresh key belongs to.
    pub fn refresh_office(&self, refresh_key: &str) -> Option<&str> {
        self.refresh.get(refresh_key).map(String::as_str)
    }

    /// Kills the request keys of an office, and its refresh keys too when `refresh` says so. Returns how many died.
    pub fn revoke(&mut self, office_id: &str, refresh: bool) -> usize {
        let before = self.running.len() + self.refresh.len();
        self.running.retain(|_, key| key.office_id != office_id);
        if refresh {
            self.refresh.retain(|_, office| office != office_id);
        }
        before - self.running.len() - self.refresh.len()
    }

    /// Lets the request keys of an office expire at `now`. Returns how many did.
    pub fn expire(&mut self, office_id: &str, now: Timestamp) -> usize {
        let due = self.running.values_mut().filter(|key| key.office_id == office_id && key.end > now);
        due.map(|key| key.end = now).count()
    }

    fn issue(&mut self, office_id: &str, now: Timestamp, dials: KeyDials) -> (String, Key, String) {
        let week_ago = now.saturating_sub(SignedDuration::from_hours(168)).unwrap_or(Timestamp::MIN);
        self.running.retain(|_, key| key.end > week_ago);
        let refresh =
            self.refresh.iter().find(|(_, office)| *office == office_id).map(|(key, _)| key.clone());
        let refresh = match refresh {
            Some(known) if !dials.rotate => known,
            old => {
                if let Some(old) = old {
                    self.refresh.remove(&old);
                }
                let fresh = random_key();
                self.refresh.insert(fresh.clone(), office_id.to_owned());
                fresh
            }
        };
        let life = SignedDuration::from_secs(dials.life_seconds);
        let running = self
            .running
            .iter()
            .find(|(_, key)| dials.reuse && key.office_id == office_id && key.end > now)
            .map(|(text, key)| (text.clone(), key.clone()));
        let (text, key) = running.unwrap_or_else(|| {
            let end = now.saturating_add(life).unwrap_or(Timestamp::MAX);
            (random_key(), Key { office_id: office_id.to_owned(), start: now, end, calls: 1 })
        });
        self.running.insert(text.clone(), key.clone());
        (text, key, refresh)
    }
}

#[derive(Debug, Clone, Copy)]
struct KeyDials {
    life_seconds: i64,
    rotate: bool,
    reuse: bool,
}

fn random_key() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

/// `POST /v4/request_key`, both grants.
///
/// # Errors
/// 400 API1001, API1002, API1003, API1005, API1020 or API1026 for a field that is missing or wrong; 401 API2003
/// for credentials that do not fit.
pub fn request_key(state: &mut State, call: &Call, now: Timestamp) -> Result<Reply, Problem> {
    let body = call.json()?;
    let app_id = body.text("app_id").ok_or_else(|| Problem::app_id_missing("app_id is required"))?;
    let app_key = body.text("app_key").ok_or_else(|| Problem::app_key_missing("app_key is required"))?;
    state.check_app(&app_id, &app_key)?;
    let mut dials = KeyDials {
        life_seconds: state.faults.key_life_seconds,
        rotate: false,
        reuse: state.faults.reuse_running_key,
    };
    let office_id = match body.text("grant_type").as_deref() {
        Some("request_key") => {
            let office =
                body.text("office_id").ok_or_else(|| Problem::office_missing("office_id is required"))?;
            let secret =
                body.text("secret_key").ok_or_else(|| Problem::secret_missing("secret_key is required"))?;
            match state.offices.get(&office) {
                Some(known) if known.secret == secret => office,
                Some(_) | None => {
                    return Err(Problem::bad_credentials("office_id or secret_key is incorrect"));
                }
            }
        }
        Some("refresh_key") => {
            let refresh =
                body.text("refresh_key").ok_or_else(|| Problem::missing("refresh_key is required"))?;
            dials.rotate = state.faults.rotate_refresh_key;
            dials.reuse = false;
            let known = state.keys.refresh_office(&refresh).map(str::to_owned);
            known.ok_or_else(|| Problem::bad_credentials("refresh_key is incorrect"))?
        }
        Some(_) => return Err(Problem::invalid("grant_type is not known")),
        None => return Err(Problem::missing("grant_type is required")),
    };
    let (text, key, refresh) = state.keys.issue(&office_id, now, dials);
    Ok(Reply::json(200, &info(state, call, (&text, &key), now, Some(refresh))))
}

/// `GET /v4/request_key_info`: one object, no envelope, no refresh key.
pub fn request_key_info(state: &State, call: &Call, key: (&str, &Key), now: Timestamp) -> Reply {
    Reply::json(200, &info(state, call, key, now, None))
}

fn info(
    state: &State,
    call: &Call,
    (text, key): (&str, &Key),
    now: Timestamp,
    refresh: Option<String>,
) -> KeyInfo {
    let seconds = key.end.duration_since(now).as_secs().max(0);
    KeyInfo {
        href: format!("{}/request_key_info?request_key={text}", call.base),
        request_key: text.to_owned(),
        // No zone is given and none is documented; these are UTC, which no client may rely on.
        start_time: zone::local(key.start, &TimeZone::UTC).to_string(),
        end_time: zone::local(key.end, &TimeZone::UTC).to_string(),
        expires_in: format!("{seconds} second(s)"),
        issued_to: key.office_id.clone(),
        status: if key.end > now { "active" } else { "expired" },
        request_count: key.calls.to_string(),
        scope: state.scope(),
        domain: "Dental",
        refresh_key: refresh,
    }
}
