//! The contract of every adapter, on the sandbox's Sikka, for every practice-management system it writes to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Currency, Money, Patient, Window};
use jiff::civil::{Date, Time, Weekday, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use pms::contract::{Scene, Stage};
use pms::{KeySource, Operation, PMSAdapter, PmsError, PmsLogin, SessionKey};
use pms_sikka::{AuthorizedPractice, OfficeProfile, Sikka, SikkaApp, SikkaLogin, SikkaOffice};
use seal::Secret;
use serde_json::{Value, json};
use testbed::Process;
use tokio::sync::Mutex;
use vendor_http::{Budget, BudgetSpent, RateSeen, Request, VendorClient, VendorConfig};

mod open_dental {
    async fn stage() -> super::Sandbox {
        super::sandbox("open_dental").await
    }
    pms::contract_tests!(stage);
}

mod open_dental_that_forgets_what_was_cancelled {
    async fn stage() -> super::Sandbox {
        let stage = super::sandbox("open_dental").await;
        stage.post("/admin/sikka/faults", serde_json::json!({ "cancelled_vanish": true })).await;
        stage
    }
    pms::contract_tests! { stage =>
        a_patients_book_shows_their_appointments_and_nobody_elses
        a_cancelled_appointment_no_longer_takes_its_time
        p3_a_cancellation_whose_reply_was_lost_is_found
        p3_changes_that_were_never_sent_are_nowhere
    }
}

/// The vendor on the worst of days: every quirk that may stay on is on (contract 7.4).
mod open_dental_with_every_quirk {
    async fn stage() -> super::Sandbox {
        super::quirky("open_dental").await
    }
    pms::contract_tests!(stage);
}

mod dentrix_with_every_quirk {
    async fn stage() -> super::Sandbox {
        super::quirky("dentrix_g6").await
    }
    pms::contract_tests!(stage);
}

mod eaglesoft_with_every_quirk {
    async fn stage() -> super::Sandbox {
        super::quirky("eaglesoft").await
    }
    pms::contract_tests!(stage);
}

mod dentrix {
    async fn stage() -> super::Sandbox {
        super::sandbox("dentrix_g6").await
    }
    pms::contract_tests!(stage);
}

mod eaglesoft {
    async fn stage() -> super::Sandbox {
        super::sandbox("eaglesoft").await
    }
    pms::contract_tests!(stage);
}

/// Logs in when asked, and keeps the key until it is refused.
struct Keys {
    login: SikkaLogin,
    credentials: Secret,
    held: Mutex<Option<SessionKey>>,
}

#[async_trait]
impl KeySource for Keys {
    async fn key(&self) -> Result<SessionKey, PmsError> {
        let mut held = self.held.lock().await;
        if let Some(key) = &*held {
            return Ok(key.clone());
        }
        let key = self.login.log_in(&self.credentials, None).await?.key;
        *held = Some(key.clone());
        Ok(key)
    }

    async fn renew(&self, stale: &SessionKey) -> Result<SessionKey, PmsError> {
        let mut held = self.held.lock().await;
        if held.as_ref() == Some(stale) {
            *held = None;
        }
        drop(held);
        self.key().await
    }
}

/// The suite tests the adapter; the budget has tests of its own.
struct Unlimited;

#[async_trait]
impl Budget for Unlimited {
    async fn admit(&self) -> Result<(), BudgetSpent> {
        Ok(())
    }

    async fn observe(&self, _seen: RateSeen) {}

    async fn day_spent(&self, _rest: Duration) {}
}

/// The admin API of a sandbox of its own.
struct Sandbox {
    _process: Process,
    admin: VendorClient,
    sikka: Sikka,
    keys: Arc<Keys>,
    budget: Arc<Unlimited>,
    profile: OfficeProfile,
    office: SikkaOffice,
    scene: Scene,
}

const OFFICE: &str = "/admin/sikka/offices/D10001";

async fn started(system: &str) -> (Process, u16, u16) {
    let (port, admin) = (testbed::free_port().unwrap(), testbed::free_port().unwrap());
    let mut process = Process::new("sandbox")
        .unwrap()
        .env("SANDBOX_PORT", port.to_string())
        .env("SANDBOX_ADMIN_PORT", admin.to_string())
        .env("SANDBOX_PMS", system)
        .env("SANDBOX_ZONES", "Central Standard Time")
        .env("SANDBOX_WRITEBACK_MIN_MS", "0")
        .env("SANDBOX_WRITEBACK_MAX_MS", "0");
    process.start().unwrap();
    process.ready(&format!("http://127.0.0.1:{admin}/admin/banner"), Duration::from_secs(20)).await.unwrap();
    (process, port, admin)
}

async fn sandbox(system: &str) -> Sandbox {
    prepared(system, vec![]).await
}

/// As the vendor is after calls of its admin API: from the first thing that is asked of it.
async fn prepared(system: &str, calls: Vec<(&'static str, Value)>) -> Sandbox {
    let (process, port, admin) = started(system).await;
    let admin = VendorClient::new(VendorConfig::new("sandbox", format!("http://127.0.0.1:{admin}"))).unwrap();
    for (path, body) in calls {
        let reply = admin.write(&Unlimited, &Request::post("admin", path, body.to_string()), &[]).await;
        assert!(reply.unwrap().is_success());
    }
    let budget = Arc::new(Unlimited);
    let sikka = Sikka::new(
        SikkaApp {
            base_url: format!("http://127.0.0.1:{port}/v4"),
            app_id: "sandbox-app".into(),
            app_key: "sandbox-app-key".into(),
            deadline: Duration::from_secs(5),
        },
        budget.clone(),
    )
    .unwrap();
    let found = sikka.authorized_practices().await.unwrap();
    let practice: AuthorizedPractice = found.into_iter().find(|one| one.office_id == "D10001").unwrap();
    let keys = Arc::new(Keys {
        login: SikkaLogin::new(sikka.clone(), budget.clone()),
        credentials: practice.credentials.clone(),
        held: Mutex::new(None),
    });
    let is_on = |on: Result<bool, PmsError>| on.unwrap();
    sikka.switch_off("D10001", &practice.practice_id).await.unwrap();
    assert!(is_on(sikka.switch_on("D10001", &practice.practice_id).await), "it was off");
    assert!(!is_on(sikka.switch_on("D10001", &practice.practice_id).await), "it is on");
    let mut profile = sikka.inspect(&practice, keys.clone(), budget.clone()).await.unwrap();
    let lists = sikka.lists(&practice.practice_id, keys.clone(), budget.clone()).await.unwrap();
    assert!(lists.clinicians.contains(&"DR1".to_owned()) && !lists.payment_types.is_empty(), "{lists:?}");
    if system == "eaglesoft" {
        // Nobody knows the word of such a system but the practice: staff choose it from their own list.
        assert!(!profile.capabilities.allows(Operation::CancelAppointment));
        profile.cancel_with("cancelled").unwrap();
    }
    let office = SikkaOffice::new(sikka.clone(), profile.clone(), keys.clone(), budget.clone()).unwrap();
    let scene = scene(&office, &profile).await;
    Sandbox { _process: process, admin, sikka, keys, budget, profile, office, scene }
}

/// A vendor that compares numbers as they were typed: whether it does is not documented.
fn numbers_as_typed() -> (&'static str, Value) {
    ("/admin/sikka/faults", json!({ "phone_match_raw": true }))
}

async fn quirky(system: &str) -> Sandbox {
    prepared(system, vec![("/admin/sikka/quirks", json!({})), numbers_as_typed()]).await
}

async fn scene(office: &SikkaOffice, profile: &OfficeProfile) -> Scene {
    let zone = TimeZone::get(&profile.time_zone).unwrap();
    let at = |day: Date, clock: Time| day.to_datetime(clock).to_zoned(zone.clone()).unwrap().timestamp();
    // Beyond the diary, so that nothing is taken.
    let today = Zoned::now().with_time_zone(zone.clone()).date();
    let monday = today.nth_weekday(1, Weekday::Monday).unwrap().checked_add(8.weeks()).unwrap();
    let free = |clock| Window::of_minutes(at(monday, clock), 30).unwrap();
    let days = Window::new(
        at(monday, Time::midnight()),
        at(monday.checked_add(5.days()).unwrap(), Time::midnight()),
    )
    .unwrap();
    let named = async |first: &str, last: &str| -> Patient {
        let query = pms::PatientQuery {
            first_name: Some(first.into()),
            last_name: Some(last.into()),
            ..pms::PatientQuery::default()
        };
        office.search_patients(&query).await.unwrap().into_iter().next().unwrap()
    };
    let maria = named("Maria", "Lopez").await;
    // The younger of two of that name, who has a second number in a field that no filter looks at.
    let younger = pms::PatientQuery {
        last_name: Some("Novak".into()),
        born: Some(Date::constant(2001, 11, 23).into()),
        ..pms::PatientQuery::default()
    };
    let anna = office.search_patients(&younger).await.unwrap().into_iter().next().unwrap();
    assert_eq!(anna.phones.len(), 2);
    Scene {
        reachable: vec![maria.clone(), named("Walter", "Brandt").await, anna],
        patient: maria,
        clinician: "DR1".into(),
        chair: "OP1".into(),
        free: [free(time(9, 0, 0, 0)), free(time(14, 0, 0, 0))],
        days,
        time_zone: profile.time_zone.clone(),
        balance: Money::new(14_070, Currency::Usd).into(),
        carrier: "Larkmoor Mutual".into(),
    }
}

impl Sandbox {
    async fn tell(&self, request: Request) -> Value {
        let reply = self.admin.write(&Unlimited, &request, &[]).await.unwrap();
        assert!(reply.is_success(), "{}", String::from_utf8_lossy(&reply.body));
        serde_json::from_slice(&reply.body).unwrap()
    }

    async fn put(&self, path: &str, body: Value) -> Value {
        self.tell(Request::put("admin", path, body.to_string())).await
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.tell(Request::post("admin", path, body.to_string())).await
    }
}

#[async_trait]
impl Stage for Sandbox {
    fn adapter(&self) -> &dyn PMSAdapter {
        &self.office
    }

    fn without(&self, operation: Operation) -> Box<dyn PMSAdapter> {
        let mut profile = self.profile.clone();
        profile.capabilities.operations.remove(&operation);
        let office =
            SikkaOffice::new(self.sikka.clone(), profile, self.keys.clone(), self.budget.clone()).unwrap();
        Box::new(office)
    }

    fn scene(&self) -> &Scene {
        &self.scene
    }

    async fn hold_writes(&self) {
        self.put(&format!("{OFFICE}/writeback"), json!({ "mode": "never" })).await;
    }

    async fn finish_writes(&self) {
        self.put(&format!("{OFFICE}/writeback"), json!({ "mode": "normal", "min_ms": 0, "max_ms": 0 })).await;
        self.post("/admin/clock/advance", json!({ "seconds": 1 })).await;
    }

    async fn show_records(&self) {
        self.post(&format!("{OFFICE}/refresh"), json!({})).await;
    }

    async fn lose_next_reply(&self) {
        self.post("/admin/sikka/faults", json!({ "lose_reply_after_write": 1 })).await;
    }

    async fn break_next_write(&self) {
        let fail = json!({ "count": 1, "status": 503, "method": "POST", "path_prefix": "/v4/appointment" });
        self.post("/admin/sikka/faults", json!({ "fail_next": fail })).await;
    }

    async fn exhaust_limit(&self) {
        self.post("/admin/sikka/faults", json!({ "rate_limit_per_minute": 1 })).await;
    }

    async fn expire_key(&self) {
        self.post(&format!("{OFFICE}/expire_key"), json!({})).await;
    }

    async fn withdraw_access(&self) {
        let all = json!({ "refresh_key": true, "new_secret": "sandbox-secret-changed" });
        self.post(&format!("{OFFICE}/revoke_key"), all).await;
    }

    async fn go_offline(&self) {
        self.put(&format!("{OFFICE}/spu"), json!({ "online": false })).await;
    }

    async fn posted(&self, reference: &str) -> usize {
        let pms = self.tell(Request::get("admin", &format!("{OFFICE}/pms"))).await;
        let lines = pms["transactions"].as_array().unwrap();
        lines.iter().filter(|line| line["note"].as_str().unwrap().contains(reference)).count()
    }

    async fn held(&self, patient: &str, start: Timestamp) -> usize {
        let zone = TimeZone::get(&self.profile.time_zone).unwrap();
        let wall = zone.to_datetime(start);
        let pms = self.tell(Request::get("admin", &format!("{OFFICE}/pms"))).await;
        let held = pms["appointments"].as_array().unwrap();
        let is_it = |one: &&Value| {
            one["patient_id"].to_string().trim_matches('"') == patient
                && one["date"] == wall.date().to_string()
                && one["time"].as_str().unwrap().starts_with(&wall.strftime("%H:%M").to_string())
        };
        held.iter().filter(is_it).count()
    }
}

#[tokio::test]
async fn a_family_on_one_number_is_found_whole_where_the_vendor_compares_what_was_typed() {
    let stage = prepared("open_dental", vec![numbers_as_typed()]).await;
    // Of four of that name three have it with hyphens.
    let newcomer = json!({ "firstname": "Ada", "lastname": "Okafor", "practice_id": "1", "provider_id": "DR1",
        "birthdate": "1983-02-03", "cell": "5550100020" });
    stage.post(&format!("{OFFICE}/pms/patients"), newcomer).await;
    stage.show_records().await;
    let phone = Some(domain::Phone::read("+15550100020", "US").unwrap());
    let query = pms::PatientQuery { phone, ..pms::PatientQuery::default() };
    let found = stage.office.search_patients(&query).await.unwrap();
    let mut names: Vec<&str> = found.iter().map(|one| one.name.first.expose().as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Ada", "Daniel", "Grace", "Ruth"]);
}

#[tokio::test]
async fn p4_chairs_and_hours_of_another_location_are_offered_to_nobody() {
    let seed = json!({ "second_location": true, "zones": ["Central Standard Time"], "fill": 0.0 });
    let stage = prepared("open_dental", vec![("/admin/seed", seed)]).await;
    let monday = stage.scene.days.start;
    let week = Window::new(monday, monday.checked_add(jiff::SignedDuration::from_hours(7 * 24)).unwrap());
    let book = stage.office.day_book(&pms::DayBookQuery { covers: week.unwrap() }).await.unwrap();
    let chairs: Vec<&str> = book.chairs.iter().map(|chair| chair.vendor_id.as_str()).collect();
    assert_eq!(chairs, ["OP1", "OP2", "OP3"]);
    let zone = TimeZone::get(&book.time_zone).unwrap();
    let sundays = book
        .hours
        .iter()
        .filter(|hours| hours.window.start.to_zoned(zone.clone()).weekday() == Weekday::Sunday);
    assert_eq!(sundays.count(), 0, "the other location works on Sundays, this one does not");
    assert!(!book.hours.is_empty());
}

#[tokio::test]
async fn p4_what_is_booked_at_the_second_location_keeps_its_clinician_busy_at_the_first() {
    let seed = json!({ "second_location": true, "zones": ["Central Standard Time"], "fill": 0.0,
        "writeback_min_ms": 0, "writeback_max_ms": 0 });
    let stage = prepared("open_dental", vec![("/admin/seed", seed)]).await;
    let found = stage.sikka.authorized_practices().await.unwrap();
    let places: Vec<&str> = found.iter().map(|one| one.practice_id.as_str()).collect();
    assert_eq!(places, ["1", "2"]);
    let profile = stage.sikka.inspect(&found[1], stage.keys.clone(), stage.budget.clone()).await.unwrap();
    let second =
        SikkaOffice::new(stage.sikka.clone(), profile, stage.keys.clone(), stage.budget.clone()).unwrap();
    let newcomer = json!({ "firstname": "Ada", "lastname": "Marsh", "practice_id": "2", "provider_id": "DR1",
        "birthdate": "1990-02-03", "cell": "5550100777" });
    let made = stage.post(&format!("{OFFICE}/pms/patients"), newcomer).await;
    let window = stage.scene.free[0];
    let order = pms::WriteOrder {
        write: pms::Write::BookAppointment(pms::NewAppointment {
            patient: made["patient_id"].to_string().trim_matches('"').to_owned(),
            clinician: "DR1".into(),
            chair: "B-OP1".into(),
            window,
            time_zone: stage.scene.time_zone.clone(),
            reason: "Check".into(),
            kind: None,
        }),
        reference: "7KQ2M4XA".into(),
        first_sent_at: Timestamp::now(),
    };
    second.submit(&order, std::time::Instant::now() + Duration::from_secs(20)).await.unwrap();
    stage.finish_writes().await;
    stage.show_records().await;
    let seen = async |office: &SikkaOffice| {
        let book = office.day_book(&pms::DayBookQuery { covers: stage.scene.days }).await.unwrap();
        let taken = book.appointments.into_iter().find(|one| one.window == window).unwrap();
        (taken.clinician, taken.chair)
    };
    assert_eq!(seen(&second).await, (Some("DR1".into()), Some("B-OP1".into())));
    assert_eq!(seen(&stage.office).await, (Some("DR1".into()), None));
}
