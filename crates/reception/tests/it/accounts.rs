use domain::{AppointmentType, Balance, Currency, Insurance, InsuranceRank, Money, Sensitive};
use pms::{ErrorKind, Operation};
use reception::{BookError, Language, Paid, Status};
use serde_json::{Value, json};

use crate::clinic::{clinic, now, proven_clinic};

fn usd(minor: i64) -> Sensitive<Money> {
    Money::new(minor, Currency::Usd).into()
}

fn balance(total: i64, from_insurance: Option<i64>) -> Balance {
    Balance {
        patient: "104".into(),
        total: usd(total),
        from_patient: None,
        from_insurance: from_insurance.map(usd),
        as_of: Some(jiff::civil::date(2026, 11, 23)),
        copied_at: Some(now()),
    }
}

fn insurance(carrier: Option<&str>) -> Insurance {
    Insurance {
        rank: InsuranceRank::Primary,
        kind: "Dental Primary".into(),
        carrier: carrier.map(Into::into),
        plan: None,
        member: Some("LM-100123".into()),
        relation: Some("Self".into()),
        since: None,
        used: Some(usd(12_000)),
        deductible_left: None,
        yearly_maximum: None,
    }
}

fn who() -> Value {
    json!({ "patientId": "104" })
}

#[tokio::test]
async fn a_balance_is_said_as_what_it_is() {
    let clinic = proven_clinic();
    for (account, code, said) in [
        (
            Some(balance(14_070, None)),
            "balance_owed",
            "The balance to pay on Daniel's account is 140 dollars and 70 cents.",
        ),
        (
            Some(balance(14_070, Some(10_000))),
            "balance_owed_with_insurance",
            "The balance on Daniel's account is 140 dollars and 70 cents, and the clinic expects 100 dollars of it from the insurance.",
        ),
        (Some(balance(0, Some(500))), "balance_settled", "There is nothing to pay on Daniel's account."),
        (
            Some(balance(-2_500, None)),
            "balance_credit",
            "There is a credit of 25 dollars on Daniel's account.",
        ),
        (
            None,
            "balance_unknown",
            "I don't find an account for Daniel. The clinic's staff can look it up for you.",
        ),
    ] {
        clinic.system(|system| system.balance = account.clone());
        let handled = clinic.run("getPatientBalance", who()).await;
        assert_eq!((handled.answer.code, handled.answer.say.as_str()), (code, said));
        let amount = account.map(|account| account.total.expose().minor);
        assert_eq!(
            handled.answer.data.get("balance").map(|shown| shown["minor"].clone()),
            amount.map(Value::from)
        );
        let audit = handled.audit.unwrap();
        assert_eq!((audit.action, audit.patients), ("patient.balance.read", vec!["104".to_owned()]));
    }
}

#[tokio::test]
async fn an_insurance_is_named_and_the_members_number_stays_out() {
    let clinic = proven_clinic();
    clinic.system(|system| system.insurance = vec![insurance(Some("Larkmoor Mutual"))]);
    let handled = clinic.run("getPatientInsurance", who()).await;
    assert_eq!(handled.answer.say, "For Daniel, the clinic has this insurance on file: Larkmoor Mutual.");
    let line = handled.answer.line();
    assert!(!line.contains("LM-100123") && line.contains(r#""memberIdEndsWith":"0123""#), "{line}");
    assert_eq!(handled.answer.data["insurances"][0]["used"], json!({ "minor": 12_000, "currency": "USD" }));
    // Of a short one, no more than half.
    for (member, end) in [("AB12", "12"), ("7", ""), ("ABC", "C")] {
        let short = Insurance { member: Some(member.into()), ..insurance(None) };
        clinic.system(|system| system.insurance = vec![short]);
        let told = clinic.run("getPatientInsurance", who()).await.answer;
        assert_eq!(told.data["insurances"][0]["memberIdEndsWith"], end, "{member}");
    }
    clinic.system(|system| system.insurance = vec![insurance(Some("Larkmoor Mutual"))]);
    clinic.desk(|desk| desk.caller.vouched = true);
    assert!(clinic.run("getPatientInsurance", who()).await.answer.line().contains("LM-100123"));
}

#[tokio::test]
async fn no_insurance_and_one_without_a_name_are_told_apart() {
    let clinic = proven_clinic();
    let none = clinic.run("getPatientInsurance", who()).await;
    assert_eq!((none.answer.status, none.answer.code), (Status::None, "insurance_none"));
    clinic.system(|system| system.insurance = vec![insurance(None)]);
    let unnamed = clinic.run("getPatientInsurance", who()).await;
    assert_eq!((unnamed.answer.status, unnamed.answer.code), (Status::Ok, "insurance_unnamed"));
}

#[tokio::test]
async fn a_long_list_reaches_a_voice_agent_as_far_as_it_goes_and_everybody_else_whole() {
    let clinic = clinic();
    let kind = |number| AppointmentType {
        vendor_id: format!("K{number}"),
        name: format!("Revisión número {number} con limpieza y más"),
        minutes: Some(30),
        clinician_kind: None,
    };
    clinic.desk(|desk| {
        desk.language = Language::Spanish;
        desk.settings.appointment_types = (0..100).map(kind).collect();
    });
    let told = clinic.run("listAppointmentTypes", json!({})).await.answer;
    assert!(told.line().len() <= 4_096, "{}", told.line().len());
    assert!(told.data["appointmentTypes"].as_array().unwrap().len() > 20 && told.data["more"] == true);
    clinic.desk(|desk| desk.caller.door = reception::Door::Rest);
    let told = clinic.run("listAppointmentTypes", json!({})).await.answer;
    assert_eq!(told.data["appointmentTypes"].as_array().unwrap().len(), 100);
    assert!(told.data.get("more").is_none());
}

#[tokio::test]
async fn those_who_take_appointments_are_listed_and_nobody_else() {
    let clinic = clinic();
    let handled = clinic.run("listProviders", json!({})).await;
    assert_eq!(handled.answer.say, "At this clinic you can see Dr Lee, Dr Osei and Sam Reyes.");
    assert_eq!(
        handled.answer.data["providers"][2],
        json!({ "providerId": "HY1", "name": "Sam Reyes", "kind": "hygienist" })
    );
    assert!(!handled.answer.line().contains("Dr Gone"));
    assert!(handled.audit.unwrap().patients.is_empty());
}

#[tokio::test]
async fn kinds_of_appointment_are_listed_and_many_are_asked_about_instead() {
    let clinic = clinic();
    let kind = |name: &str| AppointmentType {
        vendor_id: name.into(),
        name: name.into(),
        minutes: Some(45),
        clinician_kind: None,
    };
    assert_eq!(clinic.run("listAppointmentTypes", json!({})).await.answer.code, "appointment_types_none");
    clinic.system(|system| system.types = vec![kind("Recall"), kind("Emergency")]);
    let handled = clinic.run("listAppointmentTypes", json!({})).await;
    assert_eq!(handled.answer.say, "The clinic has these kinds of appointment: Recall and Emergency.");
    assert_eq!(
        handled.answer.data["appointmentTypes"][0],
        json!({ "appointmentTypeId": "Recall", "name": "Recall", "minutes": 45 })
    );
    clinic.system(|system| system.types = (0..20).map(|at| kind(&at.to_string())).collect());
    clinic.desk(|desk| desk.language = Language::French);
    let handled = clinic.run("listAppointmentTypes", json!({})).await;
    assert_eq!(
        handled.answer.say,
        "La clinique offre 20 types de rendez-vous. Quel serait le motif de la visite ?"
    );
}

#[tokio::test]
async fn what_the_system_cannot_tell_is_left_to_the_staff() {
    for (tool, operation) in [
        ("getPatientBalance", Operation::ReadBalance),
        ("getPatientInsurance", Operation::ReadInsurance),
        ("listProviders", Operation::ListClinicians),
        ("listAppointmentTypes", Operation::ListAppointmentTypes),
    ] {
        let clinic = proven_clinic();
        clinic.desk(|desk| {
            desk.capabilities.operations.remove(&operation);
        });
        let handled = clinic.run(tool, who()).await;
        assert_eq!(
            (handled.answer.status, handled.answer.code),
            (Status::NeedsStaff, "cannot_here"),
            "{tool}"
        );
        assert!(clinic.asked().is_empty(), "{tool}");
        let clinic = proven_clinic();
        clinic.system(|system| system.fails = Some(BookError::new(ErrorKind::VendorDown)));
        let handled = clinic.run(tool, who()).await;
        assert_eq!(handled.answer.code, "records_unreachable", "{tool}");
    }
}

#[tokio::test]
async fn a_balance_that_is_not_of_now_says_of_when_it_is() {
    let clinic = proven_clinic();
    let at = |hours: i64| now() - jiff::SignedDuration::from_hours(hours);
    for (as_of, copied_at, said) in [
        (Some(jiff::civil::date(2026, 11, 23)), Some(at(1)), None),
        (None, Some(at(1)), None),
        (None, Some(at(3)), Some("That is how it stood on Monday, November 23 at 5 AM.")),
        (
            Some(jiff::civil::date(2026, 11, 20)),
            Some(at(1)),
            Some("That is how it stood on Friday, November 20."),
        ),
        (Some(jiff::civil::date(2026, 11, 20)), None, Some("That is how it stood on Friday, November 20.")),
        (Some(jiff::civil::date(2026, 11, 23)), None, Some("I can't tell how recent that is.")),
        (None, None, Some("I can't tell how recent that is.")),
    ] {
        clinic.system(|system| system.balance = Some(Balance { as_of, copied_at, ..balance(0, None) }));
        let say = clinic.run("getPatientBalance", who()).await.answer.say;
        let rest = say.strip_prefix("There is nothing to pay on Daniel's account.").unwrap().trim();
        assert_eq!(Some(rest).filter(|rest| !rest.is_empty()), said);
    }
}

#[tokio::test]
async fn a_payment_of_ours_that_the_copy_may_not_have_is_mentioned() {
    let clinic = proven_clinic();
    let paid = |minor: i64, hours: Option<i64>| Paid {
        amount: Money::new(minor, Currency::Usd),
        done_at: hours.map(|hours| now() - jiff::SignedDuration::from_hours(hours)),
    };
    let copied_at = Some(now() - jiff::SignedDuration::from_hours(1));
    clinic.system(|system| system.balance = Some(Balance { copied_at, ..balance(14_070, None) }));
    clinic.rows(|rows| {
        rows.paid = vec![
            ("104".into(), paid(4_000, None)),
            ("104".into(), paid(70, Some(0))),
            ("104".into(), paid(900, Some(20))),
            ("101".into(), paid(5_000, None)),
        ];
    });
    let handled = clinic.run("getPatientBalance", who()).await;
    assert!(
        handled
            .answer
            .say
            .ends_with("A payment of 40 dollars and 70 cents made through me may not be counted yet."),
        "{}",
        handled.answer.say
    );
    assert_eq!(handled.answer.data["unseenPayments"]["minor"], 4_070);
}

#[tokio::test]
async fn an_insurance_that_is_expected_to_pay_more_than_there_is_to_pay_is_not_spoken_of() {
    let clinic = proven_clinic();
    clinic.system(|system| system.balance = Some(balance(4_070, Some(10_000))));
    assert_eq!(clinic.run("getPatientBalance", who()).await.answer.code, "balance_owed");
}
