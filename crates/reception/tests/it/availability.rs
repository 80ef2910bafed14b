use jiff::SignedDuration;
use jiff::civil::date;
use pms::{ErrorKind, Operation};
use reception::{BookError, Claim, Language, Status};
use serde_json::{Value, json};

use crate::clinic::{clinic, held, taken, window};

fn starts(answer: &Value) -> Vec<String> {
    let slots = answer["slots"].as_array().unwrap();
    slots.iter().map(|slot| slot["start"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn free_times_are_offered_with_the_practices_offset_and_a_sentence() {
    let clinic = clinic();
    let handled = clinic.run("checkAvailability", json!({ "from": "2026-11-24" })).await;
    assert_eq!(
        handled.answer.say,
        "I can offer Tuesday, November 24 at 9 AM, 10:30 AM or 12 PM with Dr Lee. Which would you like?"
    );
    let body = handled.answer.body();
    assert_eq!(body["status"], "ok");
    assert_eq!(body["asOf"], "2026-11-23T08:00:00-05:00");
    assert_eq!(body["moreTimes"], true);
    assert_eq!(starts(&body).first().unwrap(), "2026-11-24T09:00:00-05:00");
    assert!(starts(&body).len() <= 12);
    assert_eq!(body["slots"][0]["provider"], "Dr Lee");
    assert_eq!(body["slots"][0]["say"], "Tuesday, November 24 at 9 AM with Dr Lee");
    assert!(handled.answer.line().len() < 4_000, "{}", handled.answer.line().len());
}

#[tokio::test]
async fn every_time_that_is_said_is_among_the_slots() {
    let clinic = clinic();
    let arguments = json!({ "from": "2026-11-24", "to": "2026-11-26" });
    let handled = clinic.run("checkAvailability", arguments).await;
    assert_eq!(
        handled.answer.say,
        "I can offer Tuesday, November 24 at 9 AM, Tuesday, November 24 at 12 PM or Wednesday, November 25 at 9 AM with Dr Lee. Which would you like?"
    );
    let slots = handled.answer.data["slots"].as_array().unwrap();
    for said in
        ["Tuesday, November 24 at 9 AM", "Tuesday, November 24 at 12 PM", "Wednesday, November 25 at 9 AM"]
    {
        assert!(slots.iter().any(|slot| slot["say"].as_str().unwrap().starts_with(said)), "{said}");
    }
}

#[tokio::test]
async fn the_same_is_said_in_spanish() {
    let clinic = clinic();
    clinic.desk(|desk| desk.language = Language::Spanish);
    let arguments = json!({ "from": "2026-11-24", "partOfDay": "afternoon", "provider": "doctora osei" });
    let handled = clinic.run("checkAvailability", arguments).await;
    assert_eq!(
        handled.answer.say,
        "Puedo ofrecerle el martes 24 de noviembre a las 12 del mediodía, a la 1:30 de la tarde o a las 3 de la tarde con Osei. ¿Cuál prefiere?"
    );
}

#[tokio::test]
async fn p4_our_own_holds_and_the_practices_appointments_are_busy() {
    let clinic = clinic();
    let day = date(2026, 11, 24);
    let morning = window(day, 9, 0, 180);
    clinic.system(|system| system.appointments.push(taken(Some("DR1"), Some("OP1"), morning)));
    let claim = Claim { window: window(day, 9, 0, 90), clinician: "DR2".into(), chair: "OP2".into() };
    clinic.rows(|rows| rows.held.push(held(&claim, None, &["104"])));
    let arguments = json!({ "from": "2026-11-24", "partOfDay": "morning" });
    let body = clinic.run("checkAvailability", arguments).await.answer.body();
    assert_eq!(
        starts(&body),
        ["2026-11-24T10:30:00-05:00", "2026-11-24T11:00:00-05:00", "2026-11-24T11:30:00-05:00"]
    );
    assert_eq!(body["slots"][0]["provider"], "Dr Osei");
}

#[tokio::test]
async fn p4_the_holds_are_read_before_the_day_book() {
    let clinic = clinic();
    clinic.first_slot("2026-11-24").await;
    assert_eq!(clinic.asked(), ["holds", "day_book"]);
}

#[tokio::test]
async fn a_full_day_is_answered_with_the_next_free_time() {
    let clinic = clinic();
    let day = window(date(2026, 11, 24), 9, 0, 480);
    clinic.system(|system| system.appointments.push(taken(None, None, day)));
    let handled = clinic.run("checkAvailability", json!({ "from": "2026-11-24" })).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::None, "no_slots_but_later"));
    assert_eq!(
        handled.answer.say,
        "I don't find a free time then. The next one I see is Wednesday, November 25 at 9 AM with Dr Lee. Would that suit you?"
    );
    assert_eq!(handled.answer.data["slots"], json!([]));
    assert_eq!(handled.answer.data["laterSlots"][0]["start"], "2026-11-25T09:00:00-05:00");
}

#[tokio::test]
async fn a_cleaning_is_with_a_hygienist_and_anything_else_is_not() {
    let clinic = clinic();
    for (reason, provider) in
        [("teeth cleaning", "Sam Reyes"), ("limpieza dental", "Sam Reyes"), ("toothache", "Dr Lee")]
    {
        let arguments = json!({ "from": "2026-11-24", "reason": reason });
        let body = clinic.run("checkAvailability", arguments).await.answer.body();
        let slots = body["slots"].as_array().unwrap();
        assert!(slots.iter().all(|slot| slot["provider"] == provider), "{reason}");
    }
}

#[tokio::test]
async fn a_name_nobody_has_is_answered_with_those_who_are_there() {
    let clinic = clinic();
    let arguments = json!({ "from": "2026-11-24", "provider": "Dr Watson" });
    let handled = clinic.run("checkAvailability", arguments).await;
    assert_eq!(handled.answer.code, "provider_unknown");
    assert_eq!(handled.answer.data["providers"], json!(["Dr Lee", "Dr Osei", "Sam Reyes"]));
}

#[tokio::test]
async fn today_is_offered_only_from_the_lead_time_on() {
    let clinic = clinic();
    clinic.desk(|desk| desk.settings.lead_minutes = 90);
    let body = clinic.run("checkAvailability", json!({ "from": "2026-11-23" })).await.answer.body();
    assert_eq!(starts(&body).first().unwrap(), "2026-11-23T09:30:00-05:00");
}

#[tokio::test]
async fn the_first_free_time_after_a_moment_is_on_that_day_or_a_later_one() {
    let clinic = clinic();
    let ask = |clock: &str| json!({ "from": "2026-11-24", "to": "2026-11-25", "notBefore": clock });
    let body = clinic.run("checkAvailability", ask("15:10")).await.answer.body();
    assert_eq!(starts(&body).first().unwrap(), "2026-11-24T15:30:00-05:00");
    let body = clinic.run("checkAvailability", ask("17:00")).await.answer.body();
    assert_eq!(starts(&body).first().unwrap(), "2026-11-25T09:00:00-05:00");
    let handled = clinic.run("checkAvailability", ask("half past three")).await;
    assert_eq!((handled.answer.code, handled.bad_input.unwrap().path.as_str()), ("not_a_time", "notBefore"));
}

#[tokio::test]
async fn a_full_week_is_answered_with_the_first_time_after_it() {
    let clinic = clinic();
    let nine_days = window(date(2026, 11, 24), 0, 0, 9 * 24 * 60);
    clinic.system(|system| system.appointments.push(taken(None, None, nine_days)));
    let handled = clinic.run("checkAvailability", json!({ "from": "2026-11-24" })).await;
    assert_eq!(handled.answer.code, "no_slots_but_later");
    assert_eq!(handled.answer.data["laterSlots"][0]["start"], "2026-12-03T09:00:00-05:00");
    assert_eq!(clinic.asked(), ["holds", "day_book", "holds", "day_book"]);
}

#[tokio::test]
async fn the_age_of_the_copy_is_said_and_too_old_a_copy_offers_nothing() {
    let clinic = clinic();
    clinic.system(|system| system.copied_before = SignedDuration::from_hours(5));
    let handled = clinic.run("checkAvailability", json!({ "from": "2026-11-24" })).await;
    assert_eq!(handled.answer.status, Status::Ok);
    assert!(
        handled.answer.say.ends_with("I last saw the clinic's calendar 5 hours ago, so it may have changed."),
        "{}",
        handled.answer.say
    );
    assert_eq!(handled.answer.data["asOf"], "2026-11-23T03:00:00-05:00");

    clinic.system(|system| system.copied_before = SignedDuration::from_hours(30));
    let handled = clinic.run("checkAvailability", json!({ "from": "2026-11-24" })).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "calendar_too_old"));
    assert!(handled.answer.data.get("slots").is_none());
}

#[tokio::test]
async fn a_range_longer_than_the_practice_looks_at_is_cut_not_refused() {
    let clinic = clinic();
    let arguments = json!({ "from": "2026-11-24", "to": "2027-11-24" });
    let body = clinic.run("checkAvailability", arguments).await.answer.body();
    assert!(starts(&body).iter().all(|start| start.as_str() < "2026-12-08"), "{body}");
    assert_eq!(starts(&body).len(), 12);
}

#[tokio::test]
async fn every_failure_of_the_practices_system_is_a_sentence() {
    for (kind, status, code) in [
        (ErrorKind::PracticeOffline, Status::NeedsStaff, "practice_offline"),
        (ErrorKind::Unsupported, Status::NeedsStaff, "cannot_here"),
        (ErrorKind::AccessWithdrawn, Status::NeedsStaff, "not_connected"),
        (ErrorKind::NotReady, Status::NeedsStaff, "not_connected"),
        (ErrorKind::VendorDown, Status::Unknown, "records_unreachable"),
        (ErrorKind::RateLimited, Status::Unknown, "records_unreachable"),
        (ErrorKind::Unreadable, Status::Unknown, "records_unreachable"),
    ] {
        let clinic = clinic();
        clinic.system(|system| system.fails = Some(BookError::new(kind)));
        let handled = clinic.run("checkAvailability", json!({ "from": "2026-11-24" })).await;
        assert_eq!((handled.answer.status, handled.answer.code), (status, code), "{kind:?}");
    }
}

#[tokio::test]
async fn what_a_practices_system_cannot_do_is_not_tried() {
    let clinic = clinic();
    clinic.desk(|desk| {
        desk.capabilities.operations.remove(&Operation::ReadDayBook);
    });
    let handled = clinic.run("checkAvailability", json!({ "from": "2026-11-24" })).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "cannot_here"));
    assert_eq!(clinic.asked(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_copy_of_unknown_age_is_not_called_new() {
    let clinic = clinic();
    clinic.system(|system| system.age_unknown = true);
    for (language, said) in [
        (Language::English, "I can't tell how recent my view of the clinic's calendar is"),
        (Language::Spanish, "No sé de cuándo es lo que veo del calendario de la clínica"),
        (Language::French, "Je ne sais pas de quand date l'agenda de la clinique que je vois"),
    ] {
        clinic.desk(|desk| desk.language = language);
        let handled = clinic.run("checkAvailability", json!({ "from": "2026-11-24" })).await;
        assert_eq!(handled.answer.code, "slots");
        assert!(handled.answer.say.contains(said), "{}", handled.answer.say);
        assert_eq!(handled.answer.data["asOf"], Value::Null);
    }
}

#[tokio::test]
async fn a_clinician_is_found_by_any_part_of_their_name_and_two_of_one_name_are_told_apart() {
    let clinic = clinic();
    let named = |id: &str, spoken: &str, full: &str| domain::Clinician {
        full_name: full.to_owned(),
        ..crate::clinic::clinician(id, spoken, domain::ClinicianKind::Provider)
    };
    clinic.system(|system| {
        system.people = Some(vec![
            named("DR1", "Dr Susan Lee", "Susan Lee"),
            named("DR2", "Dr Henry Lee", "Henry Lee"),
            named("DR3", "Dr Osei", "Ama Osei"),
        ]);
    });
    for (asked, expected) in [
        ("Dr Susan Lee", "Dr Susan Lee"),
        ("susan", "Dr Susan Lee"),
        ("doctor Ama Osei", "Dr Osei"),
        ("Dr Osei", "Dr Osei"),
    ] {
        let asking = json!({ "from": "2026-11-24", "provider": asked });
        let handled = clinic.run("checkAvailability", asking).await;
        assert_eq!(handled.answer.code, "slots", "{asked}");
        let slots = handled.answer.data["slots"].as_array().unwrap();
        assert!(slots.iter().all(|slot| slot["provider"] == expected), "{asked}");
    }
    let asking = json!({ "from": "2026-11-24", "provider": "Susan Osei" });
    assert_eq!(clinic.run("checkAvailability", asking).await.answer.code, "provider_unknown");
}
