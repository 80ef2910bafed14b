//! A visit that is with two: wherever it goes, both are busy.

use std::sync::Arc;

use jiff::civil::date;
use pms::Write;
use reception::{Stage, Status};
use serde_json::{Value, json};

use crate::changes::{moving, wednesday};
use crate::clinic::{Clinic, now, taken, window};
use crate::own_appointments::{tuesday, with_an_appointment};

/// Daniel's visit on Tuesday at 9 is with the dentist and the hygienist.
fn with_two() -> Arc<Clinic> {
    let clinic = with_an_appointment();
    clinic.system(|system| system.appointments.push(taken(Some("HY1"), Some("OP1"), tuesday(9))));
    clinic
}

/// The hygienist's times of a day.
async fn hygienists(clinic: &Arc<Clinic>, day: &str) -> Vec<Value> {
    let asked = json!({ "from": day, "provider": "Sam Reyes" });
    let mut answer = clinic.run("checkAvailability", asked).await.answer;
    let Value::Array(slots) = answer.data["slots"].take() else { panic!("no times: {}", answer.say) };
    slots
}

fn who_goes_along(clinic: &Clinic, number: usize) -> Option<String> {
    let Write::RescheduleAppointment(moved) = &clinic.writes()[number].1.write else { panic!("not a move") };
    moved.beside.clone()
}

#[tokio::test]
async fn p4_who_goes_along_is_nobody_elses_at_the_new_time_while_the_move_is_on_its_way() {
    let clinic = with_two();
    let free = hygienists(&clinic, "2026-11-25").await.swap_remove(0);
    assert_eq!(free["start"], "2026-11-25T09:00:00-05:00");
    let slot = wednesday(&clinic).await;
    let moved = clinic.run("rescheduleAppointment", moving("a1", &slot)).await.answer;
    assert_eq!(moved.code, "reschedule_on_its_way", "{}", moved.say);
    assert_eq!(who_goes_along(&clinic, 0).as_deref(), Some("HY1"));
    let left = hygienists(&clinic, "2026-11-25").await;
    assert!(!left.is_empty() && left.iter().all(|one| one["start"] != free["start"]), "{left:?}");
    // Another caller was offered the time before.
    clinic.rows(|rows| rows.all_proven = true);
    let booking = json!({ "patientId": "101", "slotId": free["slotId"], "reason": "a cleaning" });
    let refused = clinic.run("bookAppointment", booking).await.answer;
    assert_eq!(refused.status, Status::Refused, "{}", refused.say);
    assert_eq!(clinic.writes().len(), 1);
}

#[tokio::test]
async fn p4_who_goes_along_is_known_of_a_second_move_before_a_copy_shows_the_first() {
    let clinic = with_two();
    let slot = wednesday(&clinic).await;
    clinic.run("rescheduleAppointment", moving("a1", &slot)).await;
    clinic.rows(|rows| {
        rows.changes[0].done_at = Some(now());
        rows.changes[0].stage = Stage::Done;
    });
    let slot = clinic.first_slot("2026-11-26").await;
    clinic.system(|system| {
        let mut other = taken(Some("HY1"), Some("OP2"), window(date(2026, 11, 26), 9, 0, 30));
        other.vendor_id = "a9".to_owned();
        other.patient = "101".to_owned();
        system.appointments.push(other);
    });
    let refused = clinic.run("rescheduleAppointment", moving("a1", &slot)).await.answer;
    assert_eq!((refused.status, refused.code), (Status::Refused, "new_time_taken"), "{}", refused.say);
    let other = refused.data["alternatives"][0]["slotId"].as_str().unwrap();
    let moved = clinic.run("rescheduleAppointment", moving("a1", other)).await.answer;
    assert_eq!(moved.code, "reschedule_on_its_way", "{}", moved.say);
    assert_eq!(who_goes_along(&clinic, 1).as_deref(), Some("HY1"));
}
