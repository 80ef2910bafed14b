//! Writes: what is sent, how they stand, where lost ones are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use pms::{Advice, ErrorKind, FailureReason, PMSAdapter, Receipt, Sighting, WriteOrder, WriteOutcome};
use pms_sikka::{OfficeProfile, Sikka, SikkaApp, SikkaOffice, Words};
use serde_json::{Value, json};
use wiremock::matchers::{body_json, method, path, query_param};
use wiremock::{Mock, ResponseTemplate};

use crate::desk::{Desk, booking, envelope, list, message, newcomer, nothing, profile, sikka};

/// A practice with a word of its own for what is cancelled.
async fn off_the_books() -> Desk {
    let words = Words { cancelled: Some("Off The Books".into()), ..Words::default() };
    Desk::with(OfficeProfile { words, ..profile() }).await
}

fn receipt(id: &str) -> Receipt {
    Receipt(id.to_owned())
}

fn status(id: &str, fields: &Value) -> Value {
    let mut row = json!({ "id": id, "office_id": "D10001", "api": "appointment", "status": "Pending",
        "is_completed": "", "has_error": "" });
    row.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    row
}

fn done(id: &str, created: &str) -> Value {
    status(
        id,
        &json!({ "status": "Success", "is_completed": "True", "has_error": "False", "created_id": created }),
    )
}

async fn stands(desk: &Desk, row: Value) {
    let id = row["id"].as_str().unwrap().to_owned();
    Mock::given(path("/v4/writeback_status"))
        .and(query_param("id", id))
        .respond_with(list(&json!([row])))
        .mount(&desk.server)
        .await;
}

/// Four writes of today, one of them another office's.
fn rows() -> Value {
    let mut rows: Value = serde_json::from_str(include_str!("../answers/writebacks_rows.json")).unwrap();
    for row in rows.as_array_mut().unwrap() {
        row["command_time"] = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string().into();
    }
    rows
}

async fn listed(desk: &Desk) {
    desk.answer("GET", "writebacks", list(&rows())).await;
}

/// The first and last days of each range that was asked for.
async fn ranges(desk: &Desk) -> Vec<(Date, Date)> {
    let day = |query: &str, name: &str| {
        let (_, rest) = query.split_once(name).unwrap();
        rest.get(..10).unwrap().parse().unwrap()
    };
    let asked = desk.asked("writebacks").await;
    asked.iter().map(|query| (day(query, "startdate="), day(query, "enddate="))).collect()
}

fn succeeded(id: &str) -> WriteOutcome {
    WriteOutcome::Succeeded { created: Some(id.to_owned()) }
}

#[tokio::test]
async fn p3_a_booking_travels_with_its_reference_and_asks_whether_the_practice_is_online() {
    let desk = Desk::open().await;
    Mock::given(method("POST"))
        .and(path("/v4/appointment"))
        .and(body_json(json!({
            "patient_id": "201", "provider_id": "DR1", "practice_id": "1", "operatory": "OP1",
            "date": "2026-06-03", "time": "09:30", "length": "30",
            "description": "Cleaning check ref 7KQ2M4XA", "check_spu": "true"
        })))
        .respond_with(message(201, "API2016", "Id:4102"))
        .mount(&desk.server)
        .await;
    assert_eq!(desk.submit(&booking()).await.unwrap(), receipt("4102"));
}

#[tokio::test]
async fn a_new_patient_travels_with_the_number_as_the_practice_writes_it() {
    let desk = Desk::open().await;
    Mock::given(method("POST"))
        .and(path("/v4/patient"))
        .and(body_json(json!({
            "firstname": "Elena", "lastname": "Okafor", "practice_id": "1", "provider_id": "DR1",
            "birthdate": "1990-02-03", "cell": "5550100020", "email": "elena@example.com", "check_spu": "true"
        })))
        .respond_with(message(201, "API2016", "Id:4103"))
        .mount(&desk.server)
        .await;
    assert_eq!(desk.submit(&newcomer()).await.unwrap(), receipt("4103"));
}

#[tokio::test]
async fn p3_a_write_that_exists_already_may_be_an_earlier_try_and_is_looked_for() {
    for (status, code) in [(409, "API2013"), (409, "API2015"), (409, "")] {
        let desk = Desk::open().await;
        desk.answer("POST", "appointment", message(status, code, "why")).await;
        let error = desk.submit(&booking()).await.unwrap_err();
        assert_eq!((error.kind, error.advice), (ErrorKind::Invalid, Advice::OutcomeUnknown), "{code}");
    }
}

#[tokio::test]
async fn p3_a_write_whose_time_passes_while_its_key_is_renewed_does_not_leave_again() {
    let desk = Desk::open().await;
    let window = Duration::from_millis(1_500);
    desk.answer("POST", "appointment", message(400, "API1025", "why").set_delay(window)).await;
    let send_by = Instant::now() + window;
    let error = desk.office.submit(&booking(), send_by).await.unwrap_err();
    assert_eq!(error.advice, Advice::Retry, "{error:?}");
    assert_eq!((desk.keys.renewals(), desk.asked("appointment").await.len()), (1, 1));
}

#[tokio::test]
async fn one_write_costs_one_question() {
    let desk = Desk::open().await;
    stands(&desk, done("4102", "901")).await;
    let known = desk.office.outcomes(&[receipt("4102")]).await.unwrap();
    assert_eq!(known, BTreeMap::from([(receipt("4102"), succeeded("901"))]));
    assert_eq!(desk.server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn several_writes_are_read_from_the_bulk_list_and_only_those_that_ended_are_asked_for() {
    let desk = Desk::open().await;
    listed(&desk).await;
    let failed = json!({ "status": "Failed", "is_completed": "True", "has_error": "True",
        "result": "Appointment not saved: appointment already scheduled at this time" });
    stands(&desk, status("4101", &failed)).await;
    stands(&desk, done("4103", "77")).await;
    let asked = ["4101", "4102", "4103"].map(receipt);
    let known = desk.office.outcomes(&asked).await.unwrap();
    assert!(matches!(known[&asked[0]], WriteOutcome::Failed { reason: FailureReason::SlotTaken, .. }));
    assert_eq!(known[&asked[1]], WriteOutcome::Pending);
    assert_eq!(known[&asked[2]], succeeded("77"));
    assert_eq!(desk.asked("writebacks").await.len(), 1);
    assert_eq!(desk.asked("writeback_status").await.len(), 2);
}

#[tokio::test]
async fn a_write_of_another_office_in_the_bulk_list_is_not_ours() {
    let desk = Desk::open().await;
    listed(&desk).await;
    desk.answer("GET", "writeback_status", nothing()).await;
    let known = desk.office.outcomes(&["4102", "4104"].map(receipt)).await.unwrap();
    assert_eq!(known.keys().collect::<Vec<_>>(), [&receipt("4102")]);
}

#[tokio::test]
async fn quirk_14_without_writeback_status_success_counts_once_the_records_show_it() {
    let desk = Desk::open().await;
    desk.answer("GET", "writeback_status", message(401, "API2004", "why")).await;
    listed(&desk).await;
    desk.answer_once("GET", "patients", nothing()).await;
    desk.answer_once("GET", "patients", nothing()).await;
    let known = desk.office.outcomes(&[receipt("4103")]).await.unwrap();
    assert_eq!(known[&receipt("4103")], WriteOutcome::Unshown, "the copy does not show it yet");

    let shown: Value = serde_json::from_str(include_str!("../answers/patients_rows.json")).unwrap();
    desk.answer("GET", "patients", list(&json!([shown[0]]))).await;
    let known = desk.office.outcomes(&[receipt("4103")]).await.unwrap();
    assert_eq!(known[&receipt("4103")], succeeded("201"));
    assert_eq!(desk.asked("writeback_status").await.len(), 1, "a closed door is tried once");

    let failed = desk.office.outcomes(&[receipt("4101")]).await.unwrap();
    assert!(matches!(
        failed[&receipt("4101")],
        WriteOutcome::Failed { reason: FailureReason::SlotTaken, .. }
    ));
}

#[tokio::test]
async fn p3_a_lost_booking_is_found_among_the_accepted_writes_by_its_reference() {
    let desk = Desk::open().await;
    listed(&desk).await;
    assert_eq!(desk.look_for(&booking()).await.unwrap(), Sighting::Accepted(receipt("4102")));
    let today = Timestamp::now().in_tz("America/Chicago").unwrap().date();
    let day = |days: i64| today.saturating_add(days.days());
    assert_eq!(ranges(&desk).await, [(day(-1), day(2))], "from the day before, ahead of every zone");
}

#[tokio::test]
async fn p3_a_row_of_the_list_is_ours_however_it_spells_our_office() {
    let desk = Desk::open().await;
    let mut rows = rows();
    for row in rows.as_array_mut().unwrap() {
        let office = row["office_id"].as_str().unwrap().to_ascii_lowercase();
        row["office_id"] = office.into();
    }
    desk.answer("GET", "writebacks", list(&rows)).await;
    assert_eq!(desk.look_for(&booking()).await.unwrap(), Sighting::Accepted(receipt("4102")));
    // Without a reference of its own a row counts only where it says that it is ours.
    assert_eq!(desk.look_for(&newcomer()).await.unwrap(), Sighting::Accepted(receipt("4103")));
}

#[tokio::test]
async fn p3_lost_writes_are_found_in_one_reading_of_the_list() {
    let desk = Desk::open().await;
    listed(&desk).await;
    let seen = desk.office.look_for(&[booking(), newcomer()]).await.unwrap();
    let accepted = |id| Sighting::Accepted(receipt(id));
    assert_eq!(
        seen,
        BTreeMap::from([("7KQ2M4XA".into(), accepted("4102")), ("8ZQ2M4XB".into(), accepted("4103"))])
    );
    assert_eq!(desk.server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn p3_a_write_first_sent_days_ago_is_looked_for_until_now_the_newest_days_first() {
    let desk = Desk::open().await;
    desk.answer("GET", "writebacks", nothing()).await;
    desk.answer("GET", "appointments", nothing()).await;
    let first_sent_at = Timestamp::now() - SignedDuration::from_hours(24 * 15);
    let old = WriteOrder { first_sent_at, ..booking() };
    assert_eq!(desk.look_for(&old).await.unwrap(), Sighting::Nowhere);
    let ranges = ranges(&desk).await;
    let today = Timestamp::now().in_tz("America/Chicago").unwrap().date();
    assert!(ranges[0].1 > today && ranges.last().unwrap().0 < today.saturating_sub(15.days()), "{ranges:?}");
    assert!(ranges.windows(2).all(|pair| pair[0].0 == pair[1].1), "no day is left out: {ranges:?}");
    assert!(ranges.iter().all(|(from, to)| (*to - *from).get_days() < 7), "{ranges:?}");

    let desk = Desk::open().await;
    listed(&desk).await;
    assert_eq!(desk.look_for(&old).await.unwrap(), Sighting::Accepted(receipt("4102")));
    assert_eq!(desk.asked("writebacks").await.len(), 1, "found, so the older days are not read");
}

#[tokio::test]
async fn p6_a_row_that_does_not_say_whose_it_is_counts_for_a_reference_and_never_for_a_name() {
    let desk = Desk::open().await;
    let mut rows = rows();
    for row in rows.as_array_mut().unwrap() {
        row.as_object_mut().unwrap().remove("office_id");
    }
    desk.answer("GET", "writebacks", list(&rows)).await;
    desk.answer("GET", "patients", nothing()).await;
    assert_eq!(desk.look_for(&booking()).await.unwrap(), Sighting::Accepted(receipt("4102")));
    let error = desk.look_for(&newcomer()).await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some("unreadable echo"), "it may be ours, so it is not nowhere");
}

#[tokio::test]
async fn p3_what_cannot_be_read_of_one_lost_write_does_not_take_back_what_is_known_of_another() {
    let desk = Desk::open().await;
    listed(&desk).await;
    desk.answer("GET", "appointments", message(429, "API2012", "why")).await;
    let other = WriteOrder { reference: "9ZZZZZZC".into(), ..booking() };
    let seen = desk.office.look_for(&[other.clone(), booking()]).await.unwrap();
    assert_eq!(seen, BTreeMap::from([("7KQ2M4XA".into(), Sighting::Accepted(receipt("4102")))]));
    let error = desk.office.look_for(&[other]).await.unwrap_err();
    assert!(matches!(error.advice, Advice::RetryAfter(_)), "{error:?}");
}

#[tokio::test]
async fn p3_a_lost_patient_is_found_among_the_accepted_writes_by_who_they_are() {
    let desk = Desk::open().await;
    listed(&desk).await;
    assert_eq!(desk.look_for(&newcomer()).await.unwrap(), Sighting::Accepted(receipt("4103")));
}

#[tokio::test]
async fn p3_a_lost_booking_is_found_in_the_records_by_its_reference_or_by_its_place() {
    let row = |fields: Value| {
        let mut row = json!({ "appointment_sr_no": "905", "patient_id": "201", "provider_id": "DR1",
            "operatory": "OP1", "date": "2026-06-03T00:00:00", "time": "09:30", "length": "30", "status": "scheduled" });
        row.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        row
    };
    let seen = Sighting::InRecords { created: "905".into() };
    for (fields, sighting) in [
        (json!({ "description": "Cleaning check ref 7KQ2M4XA", "time": "11:00" }), seen.clone()),
        (json!({}), seen),
        (json!({ "status": "broken" }), Sighting::Nowhere),
        (json!({ "status": "off the books" }), Sighting::Nowhere),
        (json!({ "operatory": "OP2" }), Sighting::Nowhere),
        (json!({ "time": "10:30" }), Sighting::Nowhere),
        (json!({ "status": "penciled", "time": "10:30" }), Sighting::Nowhere),
    ] {
        let desk = off_the_books().await;
        desk.answer("GET", "writebacks", nothing()).await;
        desk.answer("GET", "appointments", list(&json!([row(fields.clone())]))).await;
        assert_eq!(desk.look_for(&booking()).await.unwrap(), sighting, "{fields}");
    }
    // Ours and cancelled since, or at its place and nobody knows how it stands: neither booked nor to be sent again.
    for fields in [
        json!({ "description": "Cleaning check ref 7KQ2M4XA", "status": "off the books" }),
        json!({ "description": "Cleaning check ref 7KQ2M4XA", "status": "broken" }),
        json!({ "status": "penciled" }),
    ] {
        let desk = off_the_books().await;
        desk.answer("GET", "writebacks", nothing()).await;
        desk.answer("GET", "appointments", list(&json!([row(fields.clone())]))).await;
        assert!(desk.look_for(&booking()).await.is_err(), "{fields}");
    }
}

#[tokio::test]
async fn p3_a_lost_patient_is_found_in_the_records() {
    let desk = Desk::open().await;
    desk.answer("GET", "writebacks", nothing()).await;
    let shown: Value = serde_json::from_str(include_str!("../answers/patients_rows.json")).unwrap();
    desk.answer("GET", "patients", list(&shown)).await;
    let seen = desk.look_for(&newcomer()).await.unwrap();
    assert_eq!(seen, Sighting::InRecords { created: "201".into() });
}

#[tokio::test]
async fn p3_quirk_14_with_every_way_to_ask_out_of_the_plan_the_records_still_show_and_nothing_is_nowhere() {
    let desk = Desk::open().await;
    for closed in ["writeback_status", "writebacks"] {
        desk.answer("GET", closed, message(401, "API2004", "why")).await;
    }
    let error = desk.office.outcomes(&[receipt("4102")]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported, "it can never be asked for");
    desk.answer_once("GET", "appointments", nothing()).await;
    desk.look_for(&booking()).await.unwrap_err();
    let row = json!({ "appointment_sr_no": "905", "patient_id": "201", "provider_id": "DR1", "operatory": "OP1",
        "date": "2026-06-03T00:00:00", "time": "09:30", "length": "30", "status": "scheduled" });
    desk.answer("GET", "appointments", list(&json!([row]))).await;
    let seen = desk.look_for(&booking()).await.unwrap();
    assert_eq!(seen, Sighting::InRecords { created: "905".into() });
}

#[tokio::test]
async fn p3_a_write_is_nowhere_only_when_both_places_were_read() {
    let both = ["writebacks", "appointments"];
    let desk = Desk::open().await;
    for name in both {
        desk.answer("GET", name, nothing()).await;
    }
    assert_eq!(desk.look_for(&booking()).await.unwrap(), Sighting::Nowhere);
    for unread in both {
        let desk = Desk::open().await;
        for name in both {
            let template = if name == unread { ResponseTemplate::new(401) } else { nothing() };
            desk.answer("GET", name, template).await;
        }
        assert!(desk.look_for(&booking()).await.is_err(), "{unread}");
    }
}

#[tokio::test]
async fn p3_a_write_is_not_nowhere_while_an_unreadable_one_may_be_it() {
    let desk = Desk::open().await;
    let masked = json!([{ "id": "4105", "office_id": "D10001", "method": "POST", "api_request_body": "*****",
        "command_time": "", "result": "pending" }]);
    desk.answer("GET", "writebacks", list(&masked)).await;
    desk.answer("GET", "appointments", nothing()).await;
    let error = desk.look_for(&booking()).await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some("unreadable echo"));
}

#[tokio::test]
async fn a_limit_in_the_middle_does_not_take_back_the_answers_that_were_got() {
    let desk = Desk::open().await;
    desk.answer("GET", "writebacks", nothing()).await;
    stands(&desk, done("4102", "901")).await;
    desk.answer("GET", "writeback_status", message(429, "API2012", "why")).await;
    let known = desk.office.outcomes(&["4102", "4103"].map(receipt)).await.unwrap();
    assert_eq!(known, BTreeMap::from([(receipt("4102"), succeeded("901"))]));
    let error = desk.office.outcomes(&["4103", "4104"].map(receipt)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::RateLimited, "nothing was got");
}

#[tokio::test]
async fn withdrawn_access_is_told_even_if_something_is_known() {
    let desk = Desk::open().await;
    listed(&desk).await;
    desk.answer("GET", "writeback_status", message(401, "API2007", "why")).await;
    let error = desk.office.outcomes(&["4101", "4102"].map(receipt)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::AccessWithdrawn);
}

#[tokio::test]
async fn the_bulk_list_is_read_no_further_than_it_saves_questions() {
    let desk = Desk::open().await;
    for page in 0..2 {
        let rows: Vec<Value> =
            (0..2_000).map(|id| json!({ "id": (page * 2_000 + id).to_string() })).collect();
        let body = envelope(&json!(rows), page, 100_000);
        let mock = Mock::given(path("/v4/writebacks")).and(query_param("offset", page.to_string()));
        mock.respond_with(ResponseTemplate::new(200).set_body_json(body)).mount(&desk.server).await;
    }
    for id in ["900001", "900002"] {
        stands(&desk, done(id, "901")).await;
    }
    assert_eq!(desk.office.outcomes(&["900001", "900002"].map(receipt)).await.unwrap().len(), 2);
    assert_eq!(desk.asked("writebacks").await.len(), 2);
}

#[tokio::test]
async fn without_the_bulk_list_each_write_is_asked_for_by_itself() {
    // It is outside of the plan, or what the application may ask is used up.
    for (status, code) in [(401, "API2004"), (429, "API2012")] {
        let desk = Desk::open().await;
        desk.answer("GET", "writebacks", message(status, code, "why")).await;
        stands(&desk, done("4102", "901")).await;
        stands(&desk, done("4103", "77")).await;
        let known = desk.office.outcomes(&["4102", "4103"].map(receipt)).await.unwrap();
        assert_eq!(known.into_values().collect::<Vec<_>>(), [succeeded("901"), succeeded("77")], "{code}");
    }
}

#[tokio::test]
async fn p9_a_limit_ends_the_asking_and_what_is_wrong_with_one_write_does_not() {
    let many: Vec<Receipt> = (4_201..4_221).map(|id| receipt(&id.to_string())).collect();
    for (status, code, most) in [(429, "API2012", 4), (400, "API1026", 20)] {
        let desk = Desk::open().await;
        desk.answer("GET", "writebacks", nothing()).await;
        desk.answer("GET", "writeback_status", message(status, code, "why")).await;
        assert!(desk.office.outcomes(&many).await.is_err());
        let asked = desk.asked("writeback_status").await.len();
        assert!(asked <= most && (code != "API1026" || asked == most), "{code}: {asked}");
    }
}

#[tokio::test]
async fn a_word_of_the_bulk_list_that_nobody_knows_is_asked_about() {
    let desk = Desk::open().await;
    let mut rows = rows();
    for row in rows.as_array_mut().unwrap() {
        row["result"] = "Processed".into();
        row["completed_time"] = "".into();
    }
    desk.answer("GET", "writebacks", list(&rows)).await;
    for id in ["4101", "4102"] {
        stands(&desk, done(id, "77")).await;
    }
    let known = desk.office.outcomes(&["4101", "4102"].map(receipt)).await.unwrap();
    assert!(known.values().all(|one| *one == succeeded("77")), "{known:?}");
}

/// Remembers what it is told.
#[derive(Default)]
struct Told(std::sync::Mutex<Vec<u32>>);

#[async_trait::async_trait]
impl vendor_http::Budget for Told {
    async fn admit(&self) -> Result<(), vendor_http::BudgetSpent> {
        Ok(())
    }

    async fn observe(&self, seen: vendor_http::RateSeen) {
        self.0.lock().unwrap().push(seen.remaining);
    }

    async fn day_spent(&self, _: Duration) {}
}

#[tokio::test]
async fn p9_what_is_asked_in_the_applications_name_says_nothing_of_a_practices_budget() {
    let desk = Desk::open().await;
    let limited = |template: ResponseTemplate, left: &str| {
        let headers = [("limit", "250"), ("remaining", left), ("reset", "30")];
        headers
            .iter()
            .fold(template, |to, (name, value)| to.insert_header(format!("x-rate-limit-{name}"), *value))
    };
    desk.answer("GET", "writebacks", limited(list(&rows()), "0")).await;
    desk.answer("GET", "writeback_status", limited(nothing(), "77")).await;
    let (application, practice) = (Arc::new(Told::default()), Arc::new(Told::default()));
    let app = SikkaApp {
        base_url: format!("{}/v4", desk.server.uri()),
        app_id: "sandbox-app".into(),
        app_key: "sandbox-app-key".into(),
        deadline: Duration::from_secs(4),
    };
    let sikka = Sikka::new(app, application.clone()).unwrap();
    let office = SikkaOffice::new(sikka, profile(), desk.keys.clone(), practice.clone()).unwrap();
    office.outcomes(&["4101", "4103"].map(receipt)).await.unwrap();
    assert_eq!(*application.0.lock().unwrap(), [0]);
    assert_eq!(*practice.0.lock().unwrap(), [77, 77]);
}

#[tokio::test]
async fn p9_practices_that_look_for_lost_writes_at_one_time_read_the_list_once() {
    let desk = Desk::open().await;
    desk.answer("GET", "writebacks", list(&json!([]))).await;
    desk.answer("GET", "appointments", nothing()).await;
    let vendor = sikka(format!("{}/v4", desk.server.uri()));
    let office = |id: &str| {
        let profile = OfficeProfile { office_id: id.into(), ..profile() };
        let budget = Arc::new(vendor_http::MemoryBudget::per_minute(60_000));
        SikkaOffice::new(vendor.clone(), profile, desk.keys.clone(), budget).unwrap()
    };
    let (mine, theirs, orders) = (office("D10001"), office("D10002"), [booking()]);
    let (one, two) = tokio::join!(mine.look_for(&orders), theirs.look_for(&orders));
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(desk.asked("writebacks").await.len(), 1);
}
