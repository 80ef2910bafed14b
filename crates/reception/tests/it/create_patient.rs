use domain::ClinicianKind;
use jiff::SignedDuration;
use jiff::civil::date;
use pms::{ErrorKind, FailureReason, Write};
use reception::{BookError, Status, WriteNews};
use serde_json::{Value, json};

use crate::clinic::{MARIAS_PHONE, clinic, clinician, now, patient};

fn ana() -> Value {
    json!({
        "firstName": "Ana", "lastName": "Silva", "dateOfBirth": "1992-05-06",
        "phone": "(555) 010-0033", "email": "ana@example.com"
    })
}

#[tokio::test]
async fn p5_a_new_patient_has_the_practices_id_only_when_the_practice_gave_one() {
    let clinic = clinic();
    clinic.rows(|rows| rows.news = Some(WriteNews::Succeeded { created: Some("777".into()) }));
    let handled = clinic.run("createPatient", ana()).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Confirmed, "patient_created"));
    assert_eq!(handled.answer.data["patientId"], "777");
    assert_eq!(handled.audit.unwrap().patients, ["777"]);

    for (news, status) in [
        (WriteNews::Waiting, Status::Accepted),
        (WriteNews::Unknown, Status::Unknown),
        (WriteNews::Offline, Status::NeedsStaff),
    ] {
        clinic.rows(|rows| rows.news = Some(news));
        let handled = clinic.run("createPatient", ana()).await;
        assert_eq!(handled.answer.status, status);
        assert_eq!(handled.answer.data["patientId"], clinic.writes()[0].0.to_string());
    }
    clinic.rows(|rows| rows.news = Some(WriteNews::Failed(FailureReason::Refused)));
    let handled = clinic.run("createPatient", ana()).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "patient_not_made"));
    assert!(handled.answer.data.get("patientId").is_none());
    // Set aside is not refused: the practice may have them.
    clinic.rows(|rows| rows.news = Some(WriteNews::Parked));
    let handled = clinic.run("createPatient", ana()).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "patient_not_complete"));
    assert_eq!(handled.answer.data["writebackId"], clinic.writes()[0].0.to_string());
    assert!(handled.answer.data.get("patientId").is_none());
    assert_eq!(clinic.writes().len(), 1, "the same person asked for again joins");
}

#[tokio::test]
async fn a_new_patient_is_written_as_heard_and_filed_under_a_clinician() {
    let clinic = clinic();
    clinic.run("createPatient", ana()).await;
    let (_, write) = &clinic.writes()[0];
    let Write::CreatePatient(new) = &write.write else { panic!("not a patient") };
    assert_eq!(new.phone.e164.expose(), "+15550100033");
    assert_eq!(new.clinician, "DR1");
    assert_eq!((&write.claim, write.depends_on), (&None, None));
    assert!(!write.intent_key.contains("Ana") && write.intent_key.len() == 64);

    // A hygienist who happens to be listed first is nobody's dentist.
    clinic.system(|system| {
        let hygienist = clinician("HY1", "Sam Reyes", ClinicianKind::Hygienist);
        system.people = Some(vec![hygienist, clinician("DR2", "Dr Osei", ClinicianKind::Provider)]);
    });
    let cleo = json!({ "firstName": "Cleo", "lastName": "Silva", "dateOfBirth": "1992-05-06", "phone": "5550100033" });
    clinic.run("createPatient", cleo).await;
    let Write::CreatePatient(new) = &clinic.writes()[1].1.write else { panic!("not a patient") };
    assert_eq!(new.clinician, "DR2");

    clinic.desk(|desk| desk.settings.default_clinician = Some("DR1".into()));
    let other = json!({ "firstName": "Ben", "lastName": "Silva", "dateOfBirth": "1992-05-06", "phone": "5550100033" });
    clinic.run("createPatient", other).await;
    let Write::CreatePatient(new) = &clinic.writes()[2].1.write else { panic!("not a patient") };
    assert_eq!((new.clinician.as_str(), &new.email), ("DR1", &None));
}

#[tokio::test]
async fn a_registration_outlives_a_long_weekend_with_the_server_off() {
    let clinic = clinic();
    clinic.run("createPatient", ana()).await;
    let needed_for = clinic.writes()[0].1.needed_by.duration_since(now());
    assert!(needed_for >= SignedDuration::from_hours(4 * 24), "{needed_for}");
}

#[tokio::test]
async fn a_patient_the_practice_already_has_is_not_made_twice() {
    let clinic = clinic();
    let arguments = json!({
        "firstName": "daniel", "lastName": "okafor", "dateOfBirth": "1990-01-31", "phone": "+15550100099"
    });
    let handled = clinic.run("createPatient", arguments).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Confirmed, "patient_exists"));
    assert_eq!(handled.answer.data["patientId"], "104");
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn somebody_of_the_same_family_phone_and_birthday_with_another_name_is_left_to_the_staff() {
    let clinic = clinic();
    let arguments = json!({
        "firstName": "Lia", "lastName": "Núñez", "dateOfBirth": "2015-06-01", "phone": MARIAS_PHONE
    });
    let handled = clinic.run("createPatient", arguments.clone()).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "patient_similar"));
    assert!(clinic.writes().is_empty() && handled.answer.data.is_empty());
    // With another phone it is somebody else.
    let mut other = arguments;
    other["phone"] = json!("+15550100077");
    clinic.run("createPatient", other).await;
    assert_eq!(clinic.writes().len(), 1);
}

#[tokio::test]
async fn somebody_who_says_what_they_are_called_is_who_the_practice_calls_so() {
    let clinic = clinic();
    clinic.system(|system| system.patients[3].preferred = Some("Danny Boy".into()));
    let arguments = json!({
        "firstName": "Danny Boy", "lastName": "Okafor", "dateOfBirth": "1990-01-31", "phone": "+15550100099"
    });
    let handled = clinic.run("createPatient", arguments.clone()).await;
    assert_eq!((handled.answer.code, &handled.answer.data["patientId"]), ("patient_exists", &json!("104")));
    assert!(clinic.writes().is_empty());
    let found = clinic.run("searchPatients", arguments).await;
    assert_eq!(found.answer.code, "patient_found");
}

#[tokio::test]
async fn a_name_that_only_begins_alike_is_left_to_the_staff() {
    let clinic = clinic();
    let arguments = json!({
        "firstName": "Leonor", "lastName": "Núñez", "dateOfBirth": "2015-06-01", "phone": MARIAS_PHONE
    });
    let handled = clinic.run("createPatient", arguments).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "patient_similar"));
    assert!(clinic.writes().is_empty() && handled.answer.data.is_empty());
}

#[tokio::test]
async fn a_patient_whose_name_the_practice_writes_with_accents_is_not_made_twice() {
    let clinic = clinic();
    let arguments = json!({
        "firstName": "Maria", "lastName": "Nunez", "dateOfBirth": "1985-02-28", "phone": MARIAS_PHONE
    });
    let handled = clinic.run("createPatient", arguments).await;
    assert_eq!(handled.answer.data["patientId"], "101");
    assert!(clinic.writes().is_empty());
}

fn on_another_phone(first: &str, last: &str, born: &str) -> Value {
    json!({ "firstName": first, "lastName": last, "dateOfBirth": born, "phone": "+15550100099" })
}

#[tokio::test]
async fn a_patient_on_another_phone_is_not_made_twice_however_the_family_name_is_said() {
    let clinic = clinic();
    let garcia = patient("105", "Ana", "García", date(1979, 4, 5), "+15550100050");
    clinic.system(|system| system.patients.push(garcia));
    for (first, last, born, id) in [
        ("Maria", "Nunez", "1985-02-28", "101"),
        ("Ana", "García López", "1979-04-05", "105"),
        ("Ana", "Garcia-Lopez", "1979-04-05", "105"),
    ] {
        let handled = clinic.run("createPatient", on_another_phone(first, last, born)).await;
        assert_eq!(
            (handled.answer.status, handled.answer.code),
            (Status::Confirmed, "patient_exists"),
            "{last}"
        );
        assert_eq!(handled.answer.data["patientId"], id, "{last}");
    }
    let nearly = clinic.run("createPatient", on_another_phone("Mar", "Nunez", "1985-02-28")).await;
    assert_eq!(nearly.answer.code, "patient_similar");
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn somebody_born_the_same_day_is_not_taken_for_another() {
    let clinic = clinic();
    let smith = patient("105", "Ana", "Smith", date(1979, 4, 5), "+15550100050");
    clinic.system(|system| system.patients.push(smith));
    for (count, (first, last)) in
        [("Ana", "Smithers"), ("Ana", "Jones"), ("Eva", "Smith")].into_iter().enumerate()
    {
        let handled = clinic.run("createPatient", on_another_phone(first, last, "1979-04-05")).await;
        assert_eq!(handled.answer.code, "patient_on_its_way", "{first} {last}");
        assert_eq!(clinic.writes().len(), count + 1, "{first} {last}");
    }
}

#[tokio::test]
async fn a_system_that_does_not_look_for_a_day_alone_takes_new_patients_all_the_same() {
    for (kind, told, found) in [
        (ErrorKind::Invalid, "patient_on_its_way", "patient_not_found"),
        (ErrorKind::Unsupported, "patient_on_its_way", "patient_not_found"),
        (ErrorKind::VendorDown, "records_unreachable", "records_unreachable"),
    ] {
        let clinic = clinic();
        clinic.system(|system| {
            system.fails = Some(BookError::new(kind));
            system.fails_at = Some("search by day");
        });
        let named = json!({ "firstName": "Ana", "lastName": "Silva", "dateOfBirth": "1992-05-06" });
        assert_eq!(clinic.run("searchPatients", named).await.answer.code, found, "{kind:?}");
        assert_eq!(clinic.run("createPatient", ana()).await.answer.code, told, "{kind:?}");
        assert_eq!(clinic.writes().len(), usize::from(kind != ErrorKind::VendorDown), "{kind:?}");
    }
}

#[tokio::test]
async fn nobody_is_made_while_nobody_can_tell_whether_they_exist() {
    let clinic = clinic();
    clinic.system(|system| system.fails = Some(BookError::new(ErrorKind::VendorDown)));
    let handled = clinic.run("createPatient", ana()).await;
    assert_eq!(handled.answer.status, Status::Unknown);
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn while_rows_do_not_answer_nobody_is_registered() {
    let clinic = clinic();
    clinic.desk(|desk| desk.settings.default_clinician = Some("DR1".into()));
    clinic.rows(|rows| rows.fails = true);
    let handled = clinic.run("createPatient", ana()).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Unknown, "records_unreachable"));
}
