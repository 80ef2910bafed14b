//! What a question or an answer about a practice may hold besides the sample of its type: the bytes of each arm,
//! as they travelled, in `tests/arms/<arm>.hex`. A file is written once and never changed.

use std::collections::BTreeSet;
use std::path::PathBuf;

use domain::{AppointmentType, Balance, Currency, Insurance, InsuranceRank, Money};
use messages::{Named, Unreadable, v1};
use v1::{pms_question::Ask, pms_reply::Answer};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/arms")
}

fn question(ask: Ask) -> v1::PmsQuestion {
    v1::PmsQuestion { tenant_id: "ten_1".into(), connection_id: "conn_1".into(), ask: Some(ask) }
}

fn reply(answer: Answer) -> v1::PmsReply {
    v1::PmsReply { answer: Some(answer), vendor_ms: 80.25 }
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::Usd)
}

fn balance() -> Balance {
    Balance {
        patient: "201".into(),
        total: usd(14_070).into(),
        from_patient: Some(usd(-70).into()),
        from_insurance: Some(usd(10_000).into()),
        as_of: Some(jiff::civil::date(2026, 6, 1)),
        copied_at: None,
    }
}

fn insurance() -> Insurance {
    Insurance {
        rank: InsuranceRank::Secondary,
        kind: "Dental Secondary".into(),
        carrier: Some("Larkmoor Mutual".into()),
        plan: Some("Silver".into()),
        member: Some("LM-1001".into()),
        relation: Some("Self".into()),
        since: Some(jiff::civil::date(2024, 1, 1)),
        used: Some(usd(1).into()),
        deductible_left: Some(usd(2).into()),
        yearly_maximum: Some(usd(3).into()),
    }
}

fn kind(minutes: Option<i64>) -> AppointmentType {
    AppointmentType { vendor_id: "Recall".into(), name: "Recall".into(), minutes, clinician_kind: None }
}

fn clinicians() -> v1::Clinicians {
    let lee = v1::Clinician {
        vendor_id: "7".into(),
        spoken_name: "Dr Lee".into(),
        full_name: String::new(),
        kind: v1::ClinicianKind::Provider.into(),
        bookable: true,
    };
    v1::Clinicians { clinicians: vec![lee] }
}

fn account(read: &str) -> v1::AccountRead {
    v1::AccountRead { patient: read.into() }
}

fn questions() -> Vec<(&'static str, v1::PmsQuestion)> {
    vec![
        ("pms.question.v1.clinicians", question(Ask::Clinicians(v1::CliniciansRead {}))),
        ("pms.question.v1.appointment_types", question(Ask::AppointmentTypes(v1::AppointmentTypesRead {}))),
        ("pms.question.v1.balance", question(Ask::Balance(account("201")))),
        ("pms.question.v1.insurance", question(Ask::Insurance(account("201")))),
    ]
}

fn replies() -> Vec<(&'static str, v1::PmsReply)> {
    let types = v1::AppointmentTypes { types: vec![kind(Some(30)).into(), kind(None).into()] };
    let insurances = v1::Insurances { insurances: vec![insurance().into()] };
    vec![
        ("pms.reply.v1.clinicians", reply(Answer::Clinicians(clinicians()))),
        ("pms.reply.v1.appointment_types", reply(Answer::AppointmentTypes(types))),
        ("pms.reply.v1.account", reply(Answer::Account(v1::Account { balance: Some(balance().into()) }))),
        ("pms.reply.v1.no_account", reply(Answer::Account(v1::Account { balance: None }))),
        ("pms.reply.v1.insurances", reply(Answer::Insurances(insurances))),
    ]
}

fn reads_as<M: Named + PartialEq>(name: &str, sample: &M) {
    let file = folder().join(format!("{name}.hex"));
    let text = std::fs::read_to_string(&file)
        .unwrap_or_else(|_| panic!("store this as {name}.hex:\n{}", hex::encode(sample.to_bytes())));
    let bytes = hex::decode(text.split_whitespace().collect::<String>()).unwrap();
    assert!(M::from_bytes(&bytes).unwrap() == *sample, "{name} reads otherwise than it was written");
}

#[test]
fn stored_bytes_of_every_arm_read_as_they_were_meant() {
    let (questions, replies) = (questions(), replies());
    for (name, sample) in &questions {
        reads_as(name, sample);
    }
    for (name, sample) in &replies {
        reads_as(name, sample);
    }
    let names = questions.iter().map(|(name, _)| *name).chain(replies.iter().map(|(name, _)| *name));
    let wanted: BTreeSet<String> = names.map(|name| format!("{name}.hex")).collect();
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, wanted);
}

#[test]
fn accounts_insurances_and_kinds_of_appointment_survive_the_journey() {
    let bare = Balance { from_patient: None, from_insurance: None, as_of: None, ..balance() };
    for balance in [balance(), bare] {
        assert_eq!(Balance::try_from(v1::Balance::from(balance.clone())), Ok(balance));
    }
    let bare = Insurance {
        rank: InsuranceRank::Other,
        carrier: None,
        plan: None,
        member: None,
        relation: None,
        since: None,
        used: None,
        deductible_left: None,
        yearly_maximum: None,
        ..insurance()
    };
    for insurance in [insurance(), bare, Insurance { rank: InsuranceRank::Primary, ..insurance() }] {
        assert_eq!(Insurance::try_from(v1::Insurance::from(insurance.clone())), Ok(insurance));
    }
    for kind in [kind(Some(45)), kind(None)] {
        assert_eq!(AppointmentType::from(v1::AppointmentType::from(kind.clone())), kind);
    }
}

#[test]
fn an_account_without_an_amount_or_with_a_currency_nobody_knows_is_refused() {
    let broken = |change: fn(&mut v1::Balance)| {
        let mut message = v1::Balance::from(balance());
        change(&mut message);
        Balance::try_from(message)
    };
    assert_eq!(broken(|one| one.total = None), Err(Unreadable::Field("balance.total")));
    assert_eq!(broken(|one| one.patient.clear()), Err(Unreadable::Field("balance.patient")));
    assert_eq!(broken(|one| one.as_of = "soon".into()), Err(Unreadable::Field("balance.as_of")));
    let foreign = |one: &mut v1::Balance| one.total = Some(v1::Money { minor: 1, currency: "XXX".into() });
    assert_eq!(broken(foreign), Err(Unreadable::Field("money.currency")));
}

#[test]
fn p8_an_account_and_an_insurance_print_one_fixed_word() {
    let shown: String = replies().iter().map(|(_, reply)| format!("{reply:?}")).collect();
    for part in ["14070", "Larkmoor", "LM-1001", "Child"] {
        assert!(!shown.contains(part), "{shown}");
    }
    let shown = format!("{:?} {:?}", balance(), insurance());
    assert!(
        !shown.contains("14070") && !shown.contains("Larkmoor") && shown.contains("[patient]"),
        "{shown}"
    );
}

#[test]
fn an_account_says_how_old_it_is_where_that_is_known() {
    for copied_at in [None, Some("2026-06-01T11:45:00Z".parse().unwrap())] {
        let account = Balance { copied_at, ..balance() };
        assert_eq!(Balance::try_from(v1::Balance::from(account.clone())).unwrap(), account);
    }
}
