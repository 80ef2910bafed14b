//! One office whose vendor is a local server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::{PersonName, Phone, Sensitive, Window};
use jiff::Timestamp;
use pms::{
    Capabilities, KeySource, NewAppointment, NewPatient, Operation, PMSAdapter, PmsError, Receipt,
    SessionKey, Sighting, Write, WriteOrder,
};
use pms_sikka::{OfficeProfile, Sikka, SikkaApp, SikkaOffice, Words};
use seal::Secret;
use serde_json::{Value, json};
use vendor_http::MemoryBudget;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Keys `key-0`, `key-1` … : each renewal gives the next.
#[derive(Default)]
pub(crate) struct Keys(AtomicU32);

impl Keys {
    pub(crate) fn renewals(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    fn current(&self) -> SessionKey {
        SessionKey(Secret::new(format!("key-{}", self.renewals())))
    }
}

#[async_trait]
impl KeySource for Keys {
    async fn key(&self) -> Result<SessionKey, PmsError> {
        Ok(self.current())
    }

    async fn renew(&self, _stale: &SessionKey) -> Result<SessionKey, PmsError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(self.current())
    }
}

pub(crate) struct Desk {
    pub(crate) server: MockServer,
    pub(crate) keys: Arc<Keys>,
    pub(crate) office: SikkaOffice,
    sikka: Sikka,
}

pub(crate) fn sikka(base_url: String) -> Sikka {
    patient_sikka(base_url, Duration::from_secs(4))
}

fn patient_sikka(base_url: String, deadline: Duration) -> Sikka {
    Sikka::new(
        SikkaApp { base_url, app_id: "sandbox-app".into(), app_key: "sandbox-app-key".into(), deadline },
        Arc::new(MemoryBudget::per_minute(60_000)),
    )
    .unwrap()
}

pub(crate) fn profile() -> OfficeProfile {
    use Operation::{
        AddNote, BookAppointment, BulkOutcomes, CancelAppointment, CreatePatient, ReadAppointments,
        ReadDayBook, ReadPatient, RescheduleAppointment, SearchPatients,
    };
    OfficeProfile {
        office_id: "D10001".into(),
        practice_id: "1".into(),
        cust_id: "7".into(),
        time_zone: "America/Chicago".into(),
        currency: None,
        payment_types: [].into(),
        capabilities: Capabilities {
            system: "Open Dental".into(),
            operations: BTreeSet::from([
                SearchPatients,
                ReadPatient,
                ReadDayBook,
                CreatePatient,
                BookAppointment,
                BulkOutcomes,
                ReadAppointments,
                RescheduleAppointment,
                CancelAppointment,
                AddNote,
            ]),
        },
        words: Words {
            cancelled: Some("Broken".into()),
            note: Some("Patient Note".into()),
            ..Words::default()
        },
    }
}

impl Desk {
    pub(crate) async fn open() -> Self {
        Self::with(profile()).await
    }

    pub(crate) async fn with(profile: OfficeProfile) -> Self {
        Self::build(profile, Duration::from_secs(4)).await
    }

    /// One that gives a write 400 ms.
    pub(crate) async fn impatient() -> Self {
        Self::build(profile(), Duration::from_millis(200)).await
    }

    async fn build(profile: OfficeProfile, deadline: Duration) -> Self {
        let server = MockServer::start().await;
        let keys = Arc::new(Keys::default());
        let budget = Arc::new(MemoryBudget::per_minute(60_000));
        let sikka = patient_sikka(format!("{}/v4", server.uri()), deadline);
        let office = SikkaOffice::new(sikka.clone(), profile, keys.clone(), budget).unwrap();
        Self { server, keys, office, sikka }
    }

    /// Another office of the same application.
    pub(crate) fn office_of(&self, office_id: &str) -> SikkaOffice {
        let profile = OfficeProfile { office_id: office_id.into(), ..profile() };
        let budget = Arc::new(MemoryBudget::per_minute(60_000));
        SikkaOffice::new(self.sikka.clone(), profile, self.keys.clone(), budget).unwrap()
    }

    /// Answers every request below `/v4`.
    pub(crate) async fn answer(&self, verb: &str, name: &str, template: ResponseTemplate) {
        let mock = Mock::given(method(verb)).and(path(format!("/v4/{name}")));
        mock.respond_with(template).mount(&self.server).await;
    }

    /// Hands a write over, with time enough for it to leave.
    pub(crate) async fn submit(&self, order: &WriteOrder) -> Result<Receipt, PmsError> {
        self.office.submit(order, Instant::now() + Duration::from_secs(20)).await
    }

    /// Where one lost write is.
    pub(crate) async fn look_for(&self, order: &WriteOrder) -> Result<Sighting, PmsError> {
        let seen = self.office.look_for(std::slice::from_ref(order)).await?;
        assert_eq!(seen.keys().collect::<Vec<_>>(), [&order.reference]);
        Ok(seen[&order.reference].clone())
    }

    pub(crate) async fn answer_once(&self, verb: &str, name: &str, template: ResponseTemplate) {
        let mock = Mock::given(method(verb)).and(path(format!("/v4/{name}")));
        mock.respond_with(template).up_to_n_times(1).mount(&self.server).await;
    }

    /// The queries of every request to `name`, in order.
    pub(crate) async fn asked(&self, name: &str) -> Vec<String> {
        let requests = self.server.received_requests().await.unwrap();
        requests
            .iter()
            .filter(|request| request.url.path() == format!("/v4/{name}"))
            .map(|request| request.url.query().unwrap_or_default().to_owned())
            .collect()
    }
}

/// A whole list on one page.
pub(crate) fn list(items: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(envelope(items, 0, items.as_array().map_or(0, Vec::len)))
}

pub(crate) fn envelope(items: &Value, page: usize, total: usize) -> Value {
    json!({
        "offset": page.to_string(), "limit": "500", "total_count": total.to_string(), "execution_time": "12",
        "pagination": { "first": "", "previous": "", "current": "", "next": "", "last": "" }, "items": items
    })
}

/// The vendor's error and receipt body.
pub(crate) fn message(status: u16, code: &str, long: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({
        "http_code": status.to_string(), "http_code_desc": "", "error_code": code, "short_message": "",
        "long_message": long, "more_information": ""
    }))
}

pub(crate) fn nothing() -> ResponseTemplate {
    ResponseTemplate::new(204)
}

pub(crate) fn window(start: &str, end: &str) -> Window {
    Window::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
}

pub(crate) fn booking() -> WriteOrder {
    WriteOrder {
        write: Write::BookAppointment(NewAppointment {
            patient: "201".into(),
            clinician: "DR1".into(),
            chair: "OP1".into(),
            window: window("2026-06-03T14:30:00Z", "2026-06-03T15:00:00Z"),
            time_zone: "America/Chicago".into(),
            reason: "Cleaning & check".into(),
            kind: None,
        }),
        reference: "7KQ2M4XA".into(),
        first_sent_at: Timestamp::now(),
    }
}

pub(crate) fn newcomer() -> WriteOrder {
    WriteOrder {
        write: Write::CreatePatient(NewPatient {
            name: PersonName { first: "Elena".into(), last: "Okafor".into() },
            born: Sensitive::new("1990-02-03".parse().unwrap()),
            phone: Phone::read("+15550100020", "US").unwrap(),
            email: Some("elena@example.com".into()),
            clinician: "DR1".into(),
        }),
        reference: "8ZQ2M4XB".into(),
        first_sent_at: Timestamp::now(),
    }
}
