//! With whom a visit is: what staff say of its kind, whom the caller names, and what a move keeps.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::{AppointmentType, ClinicianKind};
use jiff::SignedDuration;
use jiff::civil::date;
use reception::{Change, Claim, Held, Stage, Status};
use serde_json::{Value, json};

use crate::clinic::{Clinic, clinician, held, now, proven_clinic, taken, window};
use crate::own_appointments::{tuesday, with_an_appointment};

const DAY: &str = "2026-11-24";

async fn offered(clinic: &Arc<Clinic>, asking: Value) -> BTreeSet<String> {
    let handled = clinic.run("checkAvailability", asking).await;
    let slots = handled.answer.data["slots"].as_array().unwrap().clone();
    slots.iter().map(|slot| slot["provider"].as_str().unwrap().to_owned()).collect()
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn staff_say_whose_a_kind_of_visit_is_whatever_it_is_called() {
    let clinic = proven_clinic();
    let kind = |name: &str, clinician_kind| AppointmentType {
        vendor_id: String::new(),
        name: name.into(),
        minutes: Some(30),
        clinician_kind,
    };
    clinic.desk(|desk| {
        desk.settings.appointment_types = vec![
            kind("Prophy", Some(ClinicianKind::Hygienist)),
            kind("Deep cleaning", Some(ClinicianKind::Provider)),
            kind("Cleaning", None),
            kind("Crown", None),
        ];
    });
    let (hygienist, dentists) = (names(["Sam Reyes"]), names(["Dr Lee", "Dr Osei"]));
    for (name, expected) in
        [("Prophy", &hygienist), ("Deep cleaning", &dentists), ("Cleaning", &hygienist), ("Crown", &dentists)]
    {
        let seen = offered(&clinic, json!({ "from": DAY, "appointmentType": name })).await;
        assert!(!seen.is_empty() && seen.is_subset(expected), "{name}: {seen:?}");
        let seen = offered(&clinic, json!({ "from": DAY, "reason": name })).await;
        assert!(!seen.is_empty() && seen.is_subset(expected), "{name} as a reason: {seen:?}");
    }
    let named = json!({ "from": DAY, "appointmentType": "Prophy", "provider": "Dr Lee" });
    assert_eq!(offered(&clinic, named).await, names(["Dr Lee"]), "whom the caller names goes first");
}

#[tokio::test]
async fn a_doctors_title_is_of_a_doctor_where_one_has_the_name() {
    let clinic = proven_clinic();
    clinic.system(|system| {
        system.people = Some(vec![
            clinician("HY2", "Kim Lee", ClinicianKind::Hygienist),
            clinician("DR1", "Dr Lee", ClinicianKind::Provider),
            clinician("HY1", "Sam Reyes", ClinicianKind::Hygienist),
        ]);
    });
    for (asked, expected) in [
        ("Dr Lee", names(["Dr Lee"])),
        ("la doctora Lee", names([])),
        ("doctora Lee", names(["Dr Lee"])),
        ("Lee", names(["Dr Lee", "Kim Lee"])),
        ("Dr. Reyes", names(["Sam Reyes"])),
    ] {
        let seen = offered(&clinic, json!({ "from": DAY, "provider": asked })).await;
        // Of two who are free at one time the first is offered.
        assert!(seen.is_subset(&expected), "{asked}: {seen:?}");
        assert_eq!(seen.is_empty(), expected.is_empty(), "{asked}: {seen:?}");
    }
}

#[tokio::test]
async fn a_time_is_booked_with_whom_the_visit_is_whatever_it_was_looked_up_for() {
    let kind = |name: &str, clinician_kind, minutes| AppointmentType {
        vendor_id: String::new(),
        name: name.into(),
        minutes: Some(minutes),
        clinician_kind,
    };
    let looked_up = |more: Value| {
        let mut asking = json!({ "from": "2026-11-25" });
        asking.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asking
    };
    let (hygienist, dentists) = (names(["Sam Reyes"]), names(["Dr Lee", "Dr Osei"]));
    for (looked_up_for, wish, other, fits) in [
        // By what staff say of its kind, and by what it is called.
        (json!({}), json!({ "appointmentType": "Prophy", "reason": "teeth" }), "Dr Lee", &hygienist),
        (json!({}), json!({ "reason": "Prophy" }), "Dr Lee", &hygienist),
        (json!({}), json!({ "reason": "una limpieza" }), "Dr Lee", &hygienist),
        (json!({ "reason": "cleaning" }), json!({ "reason": "Deep cleaning" }), "Sam Reyes", &dentists),
    ] {
        let clinic = proven_clinic();
        clinic.desk(|desk| {
            desk.settings.appointment_types = vec![
                kind("Prophy", Some(ClinicianKind::Hygienist), 60),
                kind("Deep cleaning", Some(ClinicianKind::Provider), 30),
            ];
        });
        let book = async |slot: &Value| {
            let mut booking = wish.clone();
            (booking["patientId"], booking["slotId"]) = (json!("104"), slot.clone());
            clinic.run("bookAppointment", booking).await.answer
        };
        let offers = clinic.run("checkAvailability", looked_up(looked_up_for.clone())).await.answer;
        let refused = book(&offers.data["slots"][0]["slotId"]).await;
        assert_eq!((refused.status, refused.code), (Status::Refused, "slot_with_another"), "{wish}");
        assert!(refused.say.starts_with(&format!("That time is with {other}, who")), "{}", refused.say);
        assert!(clinic.writes().is_empty());
        let others = refused.data["alternatives"].as_array().unwrap();
        let with: BTreeSet<String> =
            others.iter().map(|one| one["provider"].as_str().unwrap().to_owned()).collect();
        assert!(!with.is_empty() && with.is_subset(fits), "{wish}: {with:?}");
        // What is offered instead can be had, and is long enough.
        let taken = book(&others[0]["slotId"]).await;
        assert_eq!(taken.status, Status::Accepted, "{wish}: {}", taken.say);

        // Whom the caller names goes first, also among the times that are offered instead of one.
        let clinic = proven_clinic();
        clinic.desk(|desk| {
            desk.settings.appointment_types = vec![kind("Prophy", Some(ClinicianKind::Hygienist), 60)];
        });
        let named = looked_up(json!({ "provider": "Dr Lee" }));
        let offers = clinic.run("checkAvailability", named).await.answer;
        let mut booking = json!({ "patientId": "104", "reason": "cleaning" });
        booking["slotId"] = offers.data["slots"][0]["slotId"].clone();
        let at_nine = Claim {
            window: window(date(2026, 11, 25), 9, 0, 30),
            clinician: "DR1".into(),
            chair: "OP1".into(),
        };
        clinic.rows(|rows| rows.held.push(held(&at_nine, None, &["101"])));
        let gone = clinic.run("bookAppointment", booking.clone()).await.answer;
        assert_eq!(gone.code, "slot_taken", "{}", gone.say);
        booking["slotId"] = gone.data["alternatives"][0]["slotId"].clone();
        assert_eq!(clinic.run("bookAppointment", booking).await.answer.status, Status::Accepted);
    }
}

#[tokio::test]
async fn a_word_in_what_somebody_tells_of_their_tooth_takes_the_dentists_time_from_nobody() {
    let story = "my tooth hurts since my last cleaning";
    for (kinds, called) in [(vec![], Value::Null), (vec!["Emergency"], json!("Emergency"))] {
        let clinic = proven_clinic();
        clinic.desk(|desk| {
            let kind = |name: &str| AppointmentType {
                vendor_id: String::new(),
                name: name.into(),
                minutes: Some(30),
                clinician_kind: None,
            };
            desk.settings.appointment_types = kinds.iter().map(|name| kind(name)).collect();
        });
        let asking = json!({ "from": "2026-11-25", "reason": "toothache", "appointmentType": called });
        let offers = clinic.run("checkAvailability", asking).await.answer;
        let slot = &offers.data["slots"][0]["slotId"];
        let wish = json!({ "patientId": "104", "slotId": slot, "reason": story, "appointmentType": called });
        let booked = clinic.run("bookAppointment", wish).await.answer;
        assert_eq!(booked.status, Status::Accepted, "{called}: {}", booked.say);
        assert_eq!(clinic.writes()[0].1.claim.as_ref().unwrap().clinician, "DR1", "{called}");
    }
    // The story may still say whom to ask first.
    let clinic = proven_clinic();
    let seen = offered(&clinic, json!({ "from": DAY, "reason": story })).await;
    assert_eq!(seen, names(["Sam Reyes"]));
}

#[tokio::test]
async fn a_cleaning_that_is_asked_for_by_that_name_alone_takes_no_dentists_time() {
    for (reason, called) in [
        ("a regular teeth cleaning", None),
        ("nettoyage des dents", None), // spelling: es
        ("twice a year", Some("Cleaning")),
    ] {
        let clinic = proven_clinic();
        clinic.desk(|desk| {
            desk.settings.appointment_types = vec![AppointmentType {
                vendor_id: String::new(),
                name: "Cleaning".into(),
                minutes: Some(30),
                clinician_kind: None,
            }];
        });
        let slot = clinic.first_slot("2026-11-25").await;
        let wish = json!({ "patientId": "104", "slotId": slot, "reason": reason, "appointmentType": called });
        let refused = clinic.run("bookAppointment", wish).await.answer;
        assert_eq!(refused.code, "slot_with_another", "{reason}: {}", refused.say);
        assert!(clinic.writes().is_empty());
    }
}

#[tokio::test]
async fn a_practice_without_a_hygienist_books_a_cleaning_with_the_dentist() {
    let clinic = proven_clinic();
    clinic.system(|system| {
        system.people = Some(vec![clinician("DR1", "Dr Lee", ClinicianKind::Provider)]);
    });
    let slot = clinic.first_slot("2026-11-25").await;
    let booking = json!({ "patientId": "104", "slotId": slot, "reason": "a cleaning" });
    assert_eq!(clinic.run("bookAppointment", booking).await.answer.status, Status::Accepted);
}

#[tokio::test]
async fn a_hygienists_time_is_kept_by_a_visit_that_nobody_says_is_another_ones() {
    let clinic = proven_clinic();
    let cleaning = json!({ "from": "2026-11-25", "reason": "a cleaning" });
    let offers = clinic.run("checkAvailability", cleaning).await.answer;
    let slot = &offers.data["slots"][0]["slotId"];
    let booking = json!({ "patientId": "104", "slotId": slot, "reason": "the usual, twice a year" });
    assert_eq!(clinic.run("bookAppointment", booking).await.answer.status, Status::Accepted);
    assert_eq!(clinic.writes()[0].1.claim.as_ref().unwrap().clinician, "HY1");
}

fn moving(slot: &Value) -> Value {
    json!({ "patientId": "104", "appointmentId": "a1", "slotId": slot })
}

#[tokio::test]
async fn a_cleaning_that_is_moved_stays_with_a_hygienist_unless_the_caller_asked_for_somebody() {
    let clinic = proven_clinic();
    clinic.system(|system| system.appointments.push(taken(Some("HY1"), Some("OP1"), tuesday(9))));
    let wednesday = |more: Value| {
        let mut asking = json!({ "from": "2026-11-25" });
        asking.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asking
    };
    let offers = clinic.run("checkAvailability", wednesday(json!({}))).await.answer;
    let refused =
        clinic.run("rescheduleAppointment", moving(&offers.data["slots"][0]["slotId"])).await.answer;
    assert_eq!((refused.status, refused.code), (Status::Refused, "new_time_with_another"));
    assert!(
        refused
            .say
            .starts_with("Your visit is with Sam Reyes, and that time is with Dr Lee, who sees patients"),
        "{}",
        refused.say
    );
    let others = refused.data["alternatives"].as_array().unwrap();
    assert!(!others.is_empty() && others.iter().all(|one| one["provider"] == "Sam Reyes"), "{others:?}");
    assert!(clinic.writes().is_empty());

    let named = clinic.run("checkAvailability", wednesday(json!({ "provider": "Dr Lee" }))).await.answer;
    let moved = clinic.run("rescheduleAppointment", moving(&named.data["slots"][0]["slotId"])).await.answer;
    assert_eq!(moved.status, Status::Accepted, "{}", moved.say);
    assert_eq!(clinic.writes()[0].1.claim.as_ref().unwrap().clinician, "DR1");
}

#[tokio::test]
async fn a_treatment_that_is_moved_does_not_become_the_hygienists() {
    let clinic = with_an_appointment();
    clinic.rows(|rows| rows.all_proven = true);
    let cleaning = json!({ "from": "2026-11-25", "reason": "a cleaning" });
    let offers = clinic.run("checkAvailability", cleaning).await.answer;
    let refused =
        clinic.run("rescheduleAppointment", moving(&offers.data["slots"][0]["slotId"])).await.answer;
    assert_eq!(refused.code, "new_time_with_another");
    let others = refused.data["alternatives"].as_array().unwrap();
    assert!(others.iter().all(|one| one["provider"] != "Sam Reyes"), "{others:?}");
}

#[tokio::test]
async fn an_appointment_that_was_just_made_does_not_stand_in_its_own_way() {
    let clinic = proven_clinic();
    // At ten for an hour, and no copy shows it yet.
    let claim =
        Claim { window: window(date(2026, 11, 24), 10, 0, 60), clinician: "DR1".into(), chair: "OP1".into() };
    let fresh = Held { appointment: Some("a1".into()), stage: Stage::Done, ..held(&claim, None, &["104"]) };
    clinic.rows(|rows| rows.held.push(fresh));
    let asking = json!({ "from": DAY, "notBefore": "09:30", "provider": "Dr Lee" });
    let offers = clinic.run("checkAvailability", asking).await.answer;
    assert_eq!(offers.data["slots"][0]["start"], "2026-11-24T09:30:00-05:00");
    let moved = clinic.run("rescheduleAppointment", moving(&offers.data["slots"][0]["slotId"])).await.answer;
    assert_eq!(moved.status, Status::Accepted, "{}", moved.say);
    let claim = clinic.writes()[0].1.claim.clone().unwrap();
    assert_eq!(claim.window, window(date(2026, 11, 24), 9, 30, 60));
}

fn changed(from: domain::Window, to: Option<Claim>, minutes_before_the_copy: i64) -> Change {
    Change {
        writeback: domain::WritebackId::new(),
        appointment: "a1".into(),
        patient: "104".into(),
        from,
        to,
        wished_at: now(),
        done_at: Some(now() - SignedDuration::from_mins(minutes_before_the_copy)),
        stage: Stage::Done,
    }
}

#[tokio::test]
async fn p4_the_new_place_of_a_moved_appointment_is_taken_once_the_copy_shows_it_there() {
    let clinic = with_an_appointment();
    let to = Claim { window: tuesday(9), clinician: "DR1".into(), chair: "OP1".into() };
    clinic.rows(|rows| rows.changes.push(changed(tuesday(14), Some(to), 0)));
    let asking = json!({ "from": DAY, "provider": "Dr Lee" });
    let offers = clinic.run("checkAvailability", asking).await.answer;
    assert_ne!(offers.data["slots"][0]["start"], "2026-11-24T09:00:00-05:00");
}

#[tokio::test]
async fn what_a_write_did_counts_until_a_copy_is_ten_minutes_newer_than_it() {
    for (minutes, code) in [(9, "appointments_none"), (11, "appointments_one")] {
        let clinic = with_an_appointment();
        clinic.rows(|rows| {
            rows.all_proven = true;
            rows.changes.push(changed(tuesday(9), None, minutes));
        });
        let handled = clinic.run("getAppointments", json!({ "patientId": "104" })).await;
        assert_eq!(handled.answer.code, code, "{minutes} minutes before the copy");
    }
}

#[tokio::test]
async fn a_visit_in_half_a_year_is_one_to_come() {
    let clinic = proven_clinic();
    let recall = taken(Some("HY1"), Some("OP1"), window(date(2027, 5, 26), 9, 0, 30));
    clinic.system(|system| system.appointments.push(recall));
    let handled = clinic.run("getAppointments", json!({ "patientId": "104" })).await;
    assert_eq!(handled.answer.data["appointments"][0]["appointmentId"], "a1");
}
