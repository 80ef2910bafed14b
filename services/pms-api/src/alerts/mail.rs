use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::AlertKind;
use jiff::Timestamp;
use seal::{HmacKey, Secret};
use serde_json::{Value, json};
use store::{Alert, AlertMail, AlertNews, DeliveryEnd};
use vendor_http::{Answered, GuardedClient, OutgoingError, Reach, SetupError, UrlGuard};

/// Until one receiver must have answered.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long to wait after each try that failed; after the last one it is set aside.
const WAITS: [Duration; 8] = [
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
    Duration::from_secs(1_800),
    Duration::from_secs(3_600),
    Duration::from_secs(7_200),
    Duration::from_secs(14_400),
];

/// Sends alerts out: to the operator's Slack, and to the webhooks that tenants have set.
pub(crate) struct Mailer {
    guard: UrlGuard,
    /// For URLs that a tenant chose.
    tenants: GuardedClient,
    /// For the URL that the operator chose.
    operators: GuardedClient,
    slack: Option<Secret>,
}

/// How one try ended.
pub(crate) enum Sent {
    Arrived,
    Again(Duration, String),
    Parked(String),
}

impl Sent {
    /// As the database notes it.
    pub(crate) fn end(&self) -> DeliveryEnd<'_> {
        match self {
            Self::Arrived => DeliveryEnd::Sent,
            Self::Again(wait, reason) => DeliveryEnd::Again(wait.as_secs_f64(), reason),
            Self::Parked(reason) => DeliveryEnd::Parked(reason),
        }
    }

    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Arrived => "sent",
            Self::Again(..) => "again",
            Self::Parked(_) => "parked",
        }
    }
}

impl Mailer {
    /// `local`: the operator lets tenants' URLs be `http` and lead to this machine and its network.
    pub(crate) fn new(slack: Option<Secret>, local: bool) -> Result<Self, SetupError> {
        let guard = UrlGuard::new(if local { Reach::Anywhere } else { Reach::Public });
        Ok(Self {
            guard,
            tenants: GuardedClient::new(guard, DEADLINE)?,
            operators: GuardedClient::new(UrlGuard::new(Reach::Anywhere), DEADLINE)?,
            slack,
        })
    }

    /// What decides which URLs a tenant may set.
    pub(crate) const fn guard(&self) -> &UrlGuard {
        &self.guard
    }

    /// Whether the operator has a channel.
    pub(crate) const fn has_operator(&self) -> bool {
        self.slack.is_some()
    }

    /// Tries once.
    pub(crate) async fn send(&self, mail: &AlertMail) -> Sent {
        if let Some(why) = mail.unwanted {
            return Sent::Parked(why.to_owned());
        }
        let answer = match (&mail.destination, &self.slack) {
            (Some((url, secret)), _) => {
                let body = webhook(mail).to_string();
                let stamp = Timestamp::now().as_second().to_string();
                let id = mail.id.to_string();
                let Some(signature) = sign(secret, &id, &stamp, &body) else {
                    return Sent::Parked("its secret cannot be read".to_owned());
                };
                let headers = [
                    ("webhook-id", id.as_str()),
                    ("webhook-timestamp", stamp.as_str()),
                    ("webhook-signature", signature.as_str()),
                ];
                self.tenants.post(url, &headers, Bytes::from(body)).await
            }
            (None, Some(url)) => self.operators.post(url, &[], Bytes::from(slack(mail).to_string())).await,
            (None, None) => return Sent::Parked("the operator's channel was taken away".to_owned()),
        };
        judge(&answer, mail.attempt)
    }
}

fn judge(answer: &Result<Answered, OutgoingError>, attempt: i32) -> Sent {
    let (reason, hint) = match answer {
        Ok(answered) if answered.is_success() => return Sent::Arrived,
        Ok(answered) => (format!("it answered HTTP {}", answered.status), answered.retry_after),
        // Trying again changes nothing about where it leads; whoever set it has to.
        Err(OutgoingError::Forbidden(why)) => return Sent::Parked(format!("its URL {why}")),
        Err(OutgoingError::NoAnswer(_)) => ("it gave no answer".to_owned(), None),
    };
    let nth = usize::try_from(attempt).unwrap_or(1).saturating_sub(1);
    match WAITS.get(nth) {
        Some(wait) => Sent::Again(hint.unwrap_or_default().max(*wait), reason),
        None => Sent::Parked(format!("{reason}, {attempt} times")),
    }
}

/// `webhook-signature` as the Standard Webhooks specification has it: HMAC-SHA256 over id, time and body.
fn sign(secret: &Secret, id: &str, stamp: &str, body: &str) -> Option<String> {
    let key = STANDARD.decode(secret.expose().strip_prefix("whsec_")?).ok()?;
    let signed = HmacKey::sha256(&key).sign(&[format!("{id}.{stamp}.{body}").as_bytes()]);
    Some(format!("v1,{}", STANDARD.encode(signed)))
}

/// The body of a generic webhook. It is the same at every try: that an alert was raised says nothing of its end, also
/// when it has one by now.
fn webhook(mail: &AlertMail) -> Value {
    let alert = &mail.alert;
    let mut data = shown(alert);
    let when = match mail.news {
        AlertNews::Raised => {
            (data["resolvedAt"], data["resolvedBy"]) = (Value::Null, Value::Null);
            alert.raised_at
        }
        AlertNews::Resolved => alert.cleared_at.unwrap_or(alert.raised_at),
    };
    json!({ "type": format!("alert.{}", mail.news.as_str()), "timestamp": when.to_string(), "data": data })
}

/// An alert as REST and webhooks show it.
pub(crate) fn shown(alert: &Alert) -> Value {
    json!({
        "id": alert.id.to_string(),
        "code": alert.code,
        "urgent": AlertKind::from_code(&alert.code).is_none_or(AlertKind::is_urgent),
        "subject": alert.subject(),
        "happened": alert.happened,
        "whatToDo": alert.what_to_do,
        "practice": alert.practice,
        "connectionId": alert.connection.map(|id| id.to_string()),
        "raisedAt": alert.raised_at.to_string(),
        "resolvedAt": alert.cleared_at.map(|at| at.to_string()),
        "resolvedBy": alert.cleared_by,
    })
}

/// The body of Slack's incoming webhook.
fn slack(mail: &AlertMail) -> Value {
    let alert = &mail.alert;
    let place = [alert.practice.as_deref(), mail.tenant_slug.as_deref()];
    let place = place.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let place = if place.is_empty() { "this installation".to_owned() } else { escaped(&place) };
    let (mark, rest) = match mail.news {
        AlertNews::Raised => {
            let rest = format!("{}\n*What to do:* {}", escaped(&alert.happened), escaped(&alert.what_to_do));
            (":rotating_light:", rest)
        }
        AlertNews::Resolved => {
            let by = escaped(alert.cleared_by.as_deref().unwrap_or("switchboard"));
            (
                ":white_check_mark: Resolved:",
                format!("It was open since {}. Closed by {by}.", alert.raised_at),
            )
        }
    };
    let head = format!("{mark} {} — {place}", alert.subject());
    let text = format!("*{head}*\n{rest}\n_{} {}_", alert.code, alert.id);
    json!({
        "text": head,
        "blocks": [{ "type": "section", "text": { "type": "mrkdwn", "text": text } }],
    })
}

/// The three characters that mean something to Slack: a name must not mention a channel.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use domain::{AlertDeliveryId, AlertId};

    use super::*;

    fn mail(news: AlertNews) -> AlertMail {
        let alert = Alert {
            id: AlertId::new(),
            tenant: None,
            connection: None,
            practice: Some("Cedar <!channel> & Sons".into()),
            code: "writebacks_stuck".into(),
            happened: "Two writes have been under way.".into(),
            what_to_do: "Look.".into(),
            raised_at: "2026-11-20T10:00:00Z".parse().unwrap(),
            cleared_at: Some("2026-11-20T10:30:00Z".parse().unwrap()),
            cleared_by: Some("switchboard".into()),
        };
        let id = AlertDeliveryId::new();
        AlertMail { id, news, alert, tenant_slug: None, destination: None, unwanted: None, attempt: 1 }
    }

    #[test]
    fn a_signature_is_the_one_of_the_specifications_example() {
        // In two pieces: whole, it would look like somebody's secret.
        let secret = Secret::new(format!("whsec_{}", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        let signed = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "{\"test\": 2432232314}");
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert_eq!(sign(&Secret::from("no prefix"), "a", "1", "{}"), None);
    }

    #[test]
    fn a_name_cannot_mention_a_channel_on_slack() {
        let text = slack(&mail(AlertNews::Raised)).to_string();
        assert!(text.contains("Cedar &lt;!channel&gt; &amp; Sons") && !text.contains("<!channel>"), "{text}");
        assert!(slack(&mail(AlertNews::Resolved)).to_string().contains("Resolved"));
    }

    #[test]
    fn a_webhook_tells_when_it_was_raised_and_when_it_was_resolved() {
        let raised = webhook(&mail(AlertNews::Raised));
        assert_eq!(
            (&raised["type"], &raised["timestamp"]),
            (&json!("alert.raised"), &json!("2026-11-20T10:00:00Z"))
        );
        let resolved = webhook(&mail(AlertNews::Resolved));
        assert_eq!(resolved["timestamp"], "2026-11-20T10:30:00Z");
        assert_eq!(resolved["data"]["urgent"], true);
    }

    #[test]
    fn what_tells_that_it_was_raised_is_the_same_before_and_after_it_was_resolved() {
        let late = mail(AlertNews::Raised);
        let mut early = late.clone();
        (early.alert.cleared_at, early.alert.cleared_by) = (None, None);
        assert_eq!(webhook(&late), webhook(&early));
    }

    #[test]
    fn what_fails_is_tried_again_later_and_later_and_then_set_aside_with_its_reason() {
        let answer = |status, retry_after| Ok(Answered { status, retry_after });
        assert!(matches!(judge(&answer(204, None), 1), Sent::Arrived));
        assert!(matches!(judge(&answer(500, None), 1), Sent::Again(wait, _) if wait == WAITS[0]));
        let asked = Some(Duration::from_secs(900));
        assert!(matches!(judge(&answer(429, asked), 2), Sent::Again(wait, _) if wait.as_secs() == 900));
        assert!(matches!(judge(&answer(302, None), 8), Sent::Again(wait, _) if wait == WAITS[7]));
        let Sent::Parked(reason) = judge(&answer(404, None), 9) else { panic!("it goes on for ever") };
        assert_eq!(reason, "it answered HTTP 404, 9 times");
        let Sent::Parked(reason) = judge(&Err(vendor_http::Forbidden::Address.into()), 1) else {
            panic!("sent")
        };
        assert!(reason.starts_with("its URL must not lead to a private"), "{reason}");
    }
}
