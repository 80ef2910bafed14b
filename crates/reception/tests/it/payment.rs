use std::sync::Arc;

use domain::{Currency, Money, PaymentMethod, PracticeId};
use pms::{FailureReason, Operation, Write};
use reception::{Status, WriteNews};
use serde_json::{Value, json};

use crate::clinic::{Clinic, clinic, proven_clinic};

/// Callers have shown who they are, and the payment service has announced what they say they paid.
fn paid_clinic() -> Arc<Clinic> {
    let clinic = proven_clinic();
    for reference in ["pi_3QabCD", "pi_3QabCE"] {
        announced(&clinic, reference, None, None);
    }
    clinic
}

fn announced(clinic: &Clinic, reference: &str, patient: Option<&str>, method: Option<PaymentMethod>) {
    let amount = Money::new(4_070, Currency::Usd);
    clinic.rows(|rows| rows.taken.push((reference.into(), amount, patient.map(Into::into), method)));
}

fn payment() -> Value {
    json!({ "patientId": "104", "reference": "pi_3QabCD", "amount": 4_070, "currency": "USD", "method": "card" })
}

fn with(field: &str, value: Value) -> Value {
    let mut payment = payment();
    payment[field] = value;
    payment
}

#[tokio::test]
async fn a_clinic_whose_system_counts_in_another_currency_than_its_zone_suggests_takes_payments_in_it() {
    let clinic = proven_clinic();
    clinic.desk(|desk| {
        desk.settings.currency = Some(Currency::Cad);
        desk.caller.vouched = true;
    });
    let taken = clinic.run("processPayment", with("currency", json!("CAD"))).await.answer;
    assert_eq!(taken.status, Status::Accepted, "{}", taken.say);
    let Write::RecordPayment(sent) = &clinic.writes()[0].1.write else { panic!("not a payment") };
    assert_eq!(sent.amount.expose().currency, Currency::Cad);
    assert_eq!(clinic.run("processPayment", payment()).await.answer.code, "not_a_choice");
}

#[tokio::test]
async fn p5_a_payment_is_on_the_account_when_the_practices_system_said_so_and_not_before() {
    for (news, status, code) in [
        (WriteNews::Succeeded { created: Some("9001".into()) }, Status::Confirmed, "payment_posted"),
        (WriteNews::Waiting, Status::Accepted, "payment_on_its_way"),
        (WriteNews::Unknown, Status::Unknown, "payment_not_known_yet"),
        (WriteNews::Offline, Status::NeedsStaff, "payment_kept_offline"),
        (WriteNews::Parked, Status::NeedsStaff, "payment_needs_staff"),
        (WriteNews::Failed(FailureReason::Refused), Status::NeedsStaff, "payment_needs_staff"),
    ] {
        let clinic = paid_clinic();
        clinic.rows(|rows| rows.news = Some(news));
        let handled = clinic.run("processPayment", payment()).await;
        assert_eq!((handled.answer.status, handled.answer.code), (status, code));
        assert!(handled.answer.say.contains("40 dollars and 70 cents"), "{}", handled.answer.say);
        assert_eq!(handled.answer.data["writebackId"], clinic.writes()[0].0.to_string());
        let audit = handled.audit.unwrap();
        assert_eq!((audit.action, audit.patients), ("payment.record", vec!["104".to_owned()]));
    }
}

#[tokio::test]
async fn a_payment_is_written_in_cents_under_the_clinician_the_patient_sees() {
    let clinic = paid_clinic();
    clinic.system(|system| system.patients[3].usual_clinician = Some("DR2".into()));
    clinic.run("processPayment", payment()).await;
    let (_, write) = &clinic.writes()[0];
    let Write::RecordPayment(new) = &write.write else { panic!("not a payment") };
    assert_eq!(*new.amount.expose(), Money::new(4_070, Currency::Usd));
    assert_eq!((new.patient.as_str(), new.clinician.as_str()), ("104", "DR2"));
    assert_eq!((new.method, new.taken_as.as_str()), (PaymentMethod::Card, "pi_3QabCD"));
    assert_eq!(new.on, jiff::civil::date(2026, 11, 23));
    assert_eq!((&write.claim, write.depends_on), (&None, None));
    assert!(!write.intent_key.contains("pi_3") && write.intent_key.len() == 64);
}

#[tokio::test]
async fn p3_one_reference_is_one_payment_however_often_it_is_asked_for() {
    let clinic = paid_clinic();
    let first = clinic.run("processPayment", payment()).await;
    clinic.rows(|rows| rows.news = Some(WriteNews::Succeeded { created: None }));
    let again = clinic.run("processPayment", payment()).await;
    assert_eq!(clinic.writes().len(), 1);
    assert_eq!(first.answer.data["writebackId"], again.answer.data["writebackId"]);
    assert_eq!(again.answer.status, Status::Confirmed);
    clinic.desk(|desk| desk.caller.vouched = true);
    for (field, value) in [("amount", json!(4_071)), ("patientId", json!("101"))] {
        let other = clinic.run("processPayment", with(field, value)).await;
        assert_eq!(
            (other.answer.status, other.answer.code),
            (Status::Refused, "payment_reference_used"),
            "{field}"
        );
        assert!(other.answer.data.is_empty());
    }
    let second = clinic.run("processPayment", with("reference", json!("pi_3QabCE"))).await;
    assert_eq!(second.answer.status, Status::Confirmed);
    assert_eq!(clinic.writes().len(), 2);
}

#[tokio::test]
async fn p3_one_reference_is_one_payment_for_all_locations_of_a_tenant() {
    let clinic = paid_clinic();
    clinic.desk(|desk| desk.caller.vouched = true);
    clinic.run("processPayment", payment()).await;
    let here = clinic.desk.lock().unwrap().practice;
    clinic.rows(|rows| rows.locations.push(here));
    clinic.desk(|desk| desk.practice = PracticeId::new());
    // Though it is the same in everything: who paid at one location owes nothing less at another.
    let there = clinic.run("processPayment", payment()).await.answer;
    assert_eq!((there.status, there.code), (Status::Refused, "payment_reference_used"), "{}", there.say);
    assert!(there.data.is_empty(), "{there:?}");
    assert_eq!(clinic.writes().len(), 1);
    clinic.desk(|desk| desk.practice = here);
    assert_eq!(clinic.run("processPayment", payment()).await.answer.status, Status::Accepted, "it joins");
    assert_eq!(clinic.writes().len(), 1);
}

#[tokio::test]
async fn p3_a_payment_that_staff_have_in_their_hands_is_not_asked_for_a_second_time() {
    for news in [WriteNews::Parked, WriteNews::Failed(FailureReason::Refused)] {
        let clinic = paid_clinic();
        let first = clinic.run("processPayment", payment()).await;
        clinic.rows(|rows| rows.news = Some(news));
        let again = clinic.run("processPayment", payment()).await;
        let told = (again.answer.status, again.answer.code);
        assert_eq!(told, (Status::NeedsStaff, "payment_with_clinic"));
        assert!(again.answer.say.contains("40 dollars and 70 cents"), "{}", again.answer.say);
        assert_eq!(first.answer.data["writebackId"], again.answer.data["writebackId"]);
        clinic.desk(|desk| desk.caller.vouched = true);
        let other = clinic.run("processPayment", with("amount", json!(4_071))).await;
        assert_eq!(other.answer.code, "payment_reference_used");
        assert_eq!(clinic.writes().len(), 1);
    }
}

#[tokio::test]
async fn p3_a_payment_of_which_nothing_can_be_read_any_more_is_left_to_the_staff_and_not_called_another() {
    let clinic = paid_clinic();
    let first = clinic.run("processPayment", payment()).await;
    clinic.rows(|rows| rows.unreadable = true);
    let again = clinic.run("processPayment", payment()).await;
    let told = (again.answer.status, again.answer.code);
    assert_eq!(told, (Status::NeedsStaff, "payment_with_clinic"), "{}", again.answer.say);
    assert_eq!(first.answer.data["writebackId"], again.answer.data["writebackId"]);
    assert_eq!(clinic.writes().len(), 1);
}

#[tokio::test]
async fn p8_a_card_number_is_refused_in_any_field_before_anything_else_and_never_repeated() {
    const CARD: &str = "4111 1111 1111 1111";
    let fields =
        reception::tool("processPayment").unwrap().arguments["properties"].as_object().unwrap().clone();
    let own =
        fields.iter().filter(|(_, property)| property["type"] == "string").map(|(name, _)| name.as_str());
    // And one that the tool does not have: a model may make one up.
    for field in own.chain(["cardNumber"]) {
        let clinic = clinic();
        let handled = clinic.run("processPayment", with(field, json!(CARD))).await;
        let bad = handled.bad_input.as_ref().unwrap_or_else(|| panic!("{field} was taken"));
        assert_eq!((bad.path.as_str(), bad.code), (field, "card_number"));
        assert!(!format!("{handled:?} {}", handled.answer.line()).contains("1111"), "{field}");
        assert!(clinic.asked().is_empty() && clinic.writes().is_empty());
    }
    let clinic = clinic();
    for arguments in [
        with("amount", json!(4_111_111_111_111_111_u64)),
        with("extra", json!({ "deep": ["ok", { "pan": "5555-5555-5555-4444" }] })),
        json!({ "4111111111111111": true }),
        json!(["4111111111111111"]),
    ] {
        let handled = clinic.run("processPayment", arguments).await;
        assert_eq!(handled.bad_input.map(|bad| bad.code), Some("card_number"));
    }
}

#[tokio::test]
async fn what_is_no_payment_is_refused_by_its_field() {
    for (field, value, code) in [
        ("reference", json!("<b>"), "not_a_reference"),
        ("reference", json!("ab"), "not_a_reference"),
        ("reference", json!("----"), "not_a_reference"),
        ("reference", Value::Null, "missing"),
        ("amount", json!(0), "out_of_range"),
        ("amount", json!(-4_070), "out_of_range"),
        ("amount", json!(40.7), "wrong_type"),
        ("amount", json!("forty"), "wrong_type"),
        ("currency", json!("CAD"), "not_a_choice"),
        ("currency", json!("XXX"), "not_a_choice"),
        ("method", json!("barter"), "not_a_choice"),
        ("patientId", json!("999"), "patient_unknown"),
    ] {
        let clinic = paid_clinic();
        let handled = clinic.run("processPayment", with(field, value.clone())).await;
        let bad = handled.bad_input.unwrap_or_else(|| panic!("{field} {value} was taken"));
        assert_eq!((bad.path.as_str(), bad.code), (field, code), "{value}");
        assert!(clinic.writes().is_empty());
    }
}

#[tokio::test]
async fn a_payment_asks_who_the_caller_is_and_a_phone_is_not_enough() {
    let clinic = clinic();
    announced(&clinic, "pi_3QabCD", Some("104"), None);
    clinic.calls_from("+15550100020");
    let handled = clinic.run("processPayment", payment()).await;
    assert_eq!(handled.answer.code, "identity_needed");
    let mut named = payment();
    for (field, value) in [("firstName", "Daniel"), ("lastName", "Okafor"), ("dateOfBirth", "1990-01-31")] {
        named[field] = json!(value);
    }
    assert_eq!(clinic.run("processPayment", named).await.answer.status, Status::Accepted);
}

#[tokio::test]
async fn a_system_that_takes_no_payments_is_left_to_the_staff() {
    let clinic = paid_clinic();
    clinic.desk(|desk| {
        desk.capabilities.operations.remove(&Operation::RecordPayment);
    });
    let handled = clinic.run("processPayment", payment()).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "cannot_here"));
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn p5_a_callers_word_alone_puts_no_payment_on_an_account() {
    let clinic = proven_clinic();
    announced(&clinic, "pi_3QabCD", None, Some(PaymentMethod::Transfer));
    announced(&clinic, "pi_of_103", Some("103"), None);
    // Nobody told of it; another amount; another patient's: the answer does not say which.
    for (wish, reference, minor) in [
        (with("reference", json!("ABCD")), "ABCD", 4_070),
        (with("amount", json!(50_000)), "pi_3QabCD", 50_000),
        (with("reference", json!("pi_of_103")), "pi_of_103", 4_070),
    ] {
        let handled = clinic.run("processPayment", wish.clone()).await;
        assert_eq!(
            (handled.answer.status, handled.answer.code),
            (Status::NeedsStaff, "payment_not_announced"),
            "{wish}"
        );
        assert_eq!(
            Value::from(handled.wanted.unwrap().expose().clone()),
            json!({
                "patientId": "104", "patientName": "Daniel Okafor", "reference": reference, "method": "card",
                "amount": minor, "currency": "USD",
            })
        );
        assert!(clinic.writes().is_empty(), "{wish}");
    }
    // What the payment service announced is posted as it says that it was paid.
    assert_eq!(clinic.run("processPayment", payment()).await.answer.status, Status::Accepted);
    let Write::RecordPayment(new) = &clinic.writes()[0].1.write else { panic!("not a payment") };
    assert_eq!(new.method, PaymentMethod::Transfer);
    // The door that knows who asks needs no announcement: it is the payment service, or staff.
    clinic.desk(|desk| desk.caller.vouched = true);
    let vouched = clinic.run("processPayment", with("reference", json!("ABCD"))).await;
    assert_eq!(vouched.answer.status, Status::Accepted);
    assert_eq!(clinic.writes().len(), 2);
}

#[tokio::test]
async fn p5_without_our_own_rows_no_payment_is_believed() {
    let clinic = paid_clinic();
    clinic.rows(|rows| rows.fails = true);
    let handled = clinic.run("processPayment", payment()).await;
    assert_eq!(handled.answer.status, Status::Unknown);
    assert!(clinic.writes().is_empty());
}
