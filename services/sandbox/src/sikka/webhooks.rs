//! What the vendor tells by itself (contract section 9): installs and cancellations to one address, changes of the copy
//! to another, each tried up to five times.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::office::Office;

/// Failures after which a webhook is silent until it is set anew.
const FAILURES: u32 = 5;
/// Deliveries remembered for the admin API.
const REMEMBERED: usize = 200;

/// Where webhooks go (`PUT /admin/sikka/webhooks`). What is left out is silent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where a purchase and a cancellation are told.
    pub install_url: Option<String>,
    /// Where changes are told.
    pub change_url: Option<String>,
    /// What changes carry as `callback-key`.
    pub callback_key: Option<String>,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The registration handshake: no header proves anything.
    Install,
    /// Something changed.
    Change,
}

/// One webhook on its way.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// About which office.
    pub office: String,
    /// Its event, or what became of the install.
    pub event: String,
    /// To which address.
    pub kind: Kind,
    /// The address.
    pub url: String,
    /// What it carries to prove itself.
    pub callback_key: Option<String>,
    /// The body.
    pub body: String,
    /// Which try this is.
    pub attempt: u32,
    due: Instant,
}

/// One try and how it ended (`GET /admin/sikka/webhooks`).
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    at: Timestamp,
    office: String,
    event: String,
    kind: Kind,
    attempt: u32,
    /// HTTP status; nothing: no answer.
    status: Option<u16>,
}

/// Every webhook: on its way, or delivered.
#[derive(Debug, Default)]
pub struct Webhooks {
    settings: Settings,
    queue: VecDeque<Outgoing>,
    deliveries: VecDeque<Delivery>,
    failures: u32,
}

/// What the admin API shows.
#[derive(Debug, Serialize)]
pub struct View {
    #[serde(flatten)]
    settings: Settings,
    /// Whether changes are silent after too many failures.
    inactive: bool,
    waiting: usize,
    deliveries: Vec<Delivery>,
}

impl Webhooks {
    /// Sets where webhooks go, and makes a silent one active again.
    pub fn set(&mut self, settings: Settings) {
        self.settings = settings;
        self.failures = 0;
    }

    /// What there is to see.
    pub fn view(&self) -> View {
        let mut settings = self.settings.clone();
        settings.callback_key = settings.callback_key.map(|_| "[secret]".to_owned());
        View {
            settings,
            inactive: self.failures >= FAILURES,
            waiting: self.queue.len(),
            deliveries: self.deliveries.iter().cloned().collect(),
        }
    }

    /// Whether nobody is told of changes.
    pub fn is_silent(&self) -> bool {
        self.settings.change_url.is_none() || self.failures >= FAILURES
    }

    /// Sends a webhook `copies` times; false: nobody said where to.
    pub fn send(&mut self, kind: Kind, office: &str, event: &str, body: &Value, copies: u32) -> bool {
        let (url, callback_key) = match kind {
            Kind::Install => (self.settings.install_url.clone(), None),
            Kind::Change => (self.settings.change_url.clone(), self.settings.callback_key.clone()),
        };
        let Some(url) = url.filter(|_| kind == Kind::Install || self.failures < FAILURES) else {
            return false;
        };
        for _ in 0..copies {
            self.queue.push_back(Outgoing {
                office: office.to_owned(),
                event: event.to_owned(),
                kind,
                url: url.clone(),
                callback_key: callback_key.clone(),
                body: body.to_string(),
                attempt: 1,
                due: Instant::now(),
            });
        }
        true
    }

    /// What is to leave now.
    pub fn take_due(&mut self) -> Vec<Outgoing> {
        let now = Instant::now();
        let (due, later): (VecDeque<Outgoing>, _) = self.queue.drain(..).partition(|one| one.due <= now);
        self.queue = later;
        due.into()
    }

    /// How a try ended: another follows, or the webhook falls silent.
    pub fn ended(&mut self, outgoing: Outgoing, status: Option<u16>) {
        self.deliveries.push_back(Delivery {
            at: Timestamp::now(),
            office: outgoing.office.clone(),
            event: outgoing.event.clone(),
            kind: outgoing.kind,
            attempt: outgoing.attempt,
            status,
        });
        if self.deliveries.len() > REMEMBERED {
            self.deliveries.pop_front();
        }
        // A redirect is a failure too.
        if matches!(status, Some(200 | 201 | 202 | 204)) {
            self.failures = 0;
            return;
        }
        if outgoing.kind == Kind::Change {
            self.failures += 1;
        }
        if outgoing.attempt < FAILURES && (outgoing.kind == Kind::Install || self.failures < FAILURES) {
            let due = Instant::now() + Duration::from_secs(1 << outgoing.attempt.min(4));
            self.queue.push_back(Outgoing { attempt: outgoing.attempt + 1, due, ..outgoing });
        }
    }
}

/// The notice of a purchase or a cancellation: flat, PascalCase, and people in it (9.2).
pub fn install_notice(office: &Office, now: Timestamp, is_cancelled: bool) -> Value {
    let stamp = |at: Timestamp| office.local(at).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let bought = office.bought_at.unwrap_or(now);
    json!({
        "Source": "Sikka",
        "SPUInstallationKey": format!("sandbox-spu-key-{}", office.id),
        "MasterCustomerID": office.id,
        "UserName": "frontdesk",
        "Speciality": "General",
        "PracticeName": office.practice_name,
        "PracticeStreetAddress": "12 Mill Lane",
        "PracticeCity": "Fernhill",
        "PracticeState": "NY",
        "PracticeCountry": "US",
        "PostalCode": "00010",
        "PracticePhoneNumber": office.phone,
        "FirstName": "Pat",
        "LastName": "Quill",
        "EmailAddress": "frontdesk@example.com",
        "Order#": format!("SO-{}", bought.as_second()),
        "PartnerServiceName": "Switchboard",
        "PartnerServiceSKUName": "Standard",
        "PartnerServiceSKUPrice": "0",
        "Status": if is_cancelled { "Cancelled" } else { "Active" },
        "PurchaseDate": stamp(bought),
        "CancelDate": if is_cancelled { stamp(now) } else { String::new() },
        "PartnerRegistrationID": format!("REG-{}", office.id),
    })
}

/// A change of the copy (9.1). It carries no record: what changed has to be asked for.
pub fn change_notice(office: &Office, event: &str, at: Timestamp) -> Value {
    let local = |at: Timestamp| office.local(at).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let mut body = json!({
        "event": event,
        "office_id": office.id,
        "practice_id": office.practice_id,
        "customer_id": office.cust_id,
        "prev_generated_time": local(office.told_at.unwrap_or(at)),
        "generated_time": office.local(at).strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string(),
        "next_data_synchronization_date": local(office.next_refresh),
    });
    if event == "Data_Refresh" {
        let rules = office.rules();
        let behind = -office.zone.to_offset(at).seconds() / 60;
        let copied = local(office.cloud.copied_at);
        for (name, value) in [
            // A number here, and text in the others.
            ("practice_id", json!(office.practice_id.parse::<u64>().unwrap_or(1))),
            ("data_synchronization_date", json!(copied)),
            ("practice_management_system_refresh_date", json!(copied)),
            ("financial_system_refresh_date", json!("1111-11-11")),
            ("web_upload_date", json!(copied)),
            ("data_insert_date", json!(copied)),
            ("practice_management_system", json!(office.pms_name())),
            ("practice_management_system_version", json!(rules.version)),
            ("practice_management_system_refresh_date_time_zone", json!(office.windows_zone)),
            ("utc_difference_in_minutes", json!(behind.to_string())),
            ("financial_system", json!("")),
            ("financial_system_version", json!("")),
            ("spc_schedule_type", json!("interval")),
            ("spc_schedule_time", json!("")),
            ("spc_schedule_interval", json!((office.refresh_seconds / 60).to_string())),
        ] {
            body[name] = value;
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhooks() -> Webhooks {
        let mut webhooks = Webhooks::default();
        webhooks.set(Settings { change_url: Some("http://127.0.0.1:1/x".into()), ..Settings::default() });
        webhooks
    }

    #[test]
    fn after_five_failures_a_webhook_is_silent_until_it_is_set_anew() {
        let mut webhooks = webhooks();
        for _ in 0..FAILURES {
            assert!(webhooks.send(Kind::Change, "D10001", "Data_Refresh", &json!({}), 1));
            for one in webhooks.take_due() {
                webhooks.ended(one, Some(503));
            }
        }
        assert!(!webhooks.send(Kind::Change, "D10001", "Data_Refresh", &json!({}), 1));
        assert!(webhooks.view().inactive);
        webhooks.set(webhooks.settings.clone());
        assert!(webhooks.send(Kind::Change, "D10001", "Data_Refresh", &json!({}), 1));
    }

    #[test]
    fn a_webhook_that_was_not_taken_is_tried_again_and_one_that_nobody_wants_is_not_sent() {
        let mut webhooks = webhooks();
        assert!(!webhooks.send(Kind::Install, "D10001", "purchase", &json!({}), 1), "no address");
        webhooks.send(Kind::Change, "D10001", "Data_Refresh", &json!({}), 2);
        let mut due = webhooks.take_due();
        assert_eq!(due.len(), 2);
        webhooks.ended(due.remove(0), None);
        webhooks.ended(due.remove(0), Some(204));
        assert_eq!(webhooks.queue.iter().map(|one| one.attempt).collect::<Vec<_>>(), [2]);
        assert!(webhooks.take_due().is_empty(), "not yet");
    }
}
