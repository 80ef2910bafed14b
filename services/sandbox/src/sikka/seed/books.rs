//! Invented accounts and insurances. Nothing here is drawn, so that the diary stays the same.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time};

use crate::sikka::books::{Company, Plan, Transaction};
use crate::sikka::pms::{Patient, Pms};

const LARKMOOR: Company =
    Company { id: "31", name: "Larkmoor Mutual", plan: "Larkmoor Silver", yearly: 150_000 };
const FERNHILL: Company =
    Company { id: "32", name: "Fernhill Benefit", plan: "Family Dental", yearly: 200_000 };

/// Gives those with a story their accounts, and the others something.
pub(super) fn fill(pms: &mut Pms, today: Date) {
    pms.books.companies = vec![LARKMOOR, FERNHILL];
    let patients: Vec<Patient> = pms.patients.values().cloned().collect();
    for patient in &patients {
        match (patient.firstname.as_str(), patient.lastname.as_str()) {
            ("Maria", "Lopez") => {
                work(pms, patient, today, 18_000, 10_000);
                paid(pms, patient, today, 3_930);
                plan(pms, patient, &LARKMOOR, "LM-1001", "Self");
            }
            ("Grace", "Okafor") => {
                work(pms, patient, today, 9_500, 0);
                paid(pms, patient, today, 9_500);
                plan(pms, patient, &FERNHILL, "FB-2002", "Self");
            }
            ("Daniel", "Okafor") => {
                work(pms, patient, today, 6_000, 6_000);
                plan(pms, patient, &FERNHILL, "FB-2002", "Child");
            }
            ("Ruth", "Okafor") => plan(pms, patient, &FERNHILL, "FB-2002", "Child"),
            // In credit, and without an insurance.
            ("Walter", "Brandt") => paid(pms, patient, today, 2_500),
            _ => drawn(pms, patient, today),
        }
    }
}

fn drawn(pms: &mut Pms, patient: &Patient, today: Date) {
    let Ok(turn) = i64::try_from(patient.patient_id % 5) else { return };
    if turn > 0 {
        work(pms, patient, today, 4_000 * turn + 25, 1_000 * turn);
    }
    if turn == 2 {
        plan(pms, patient, &LARKMOOR, &format!("LM-{}", patient.patient_id), "Self");
    }
}

fn work(pms: &mut Pms, patient: &Patient, today: Date, amount: i64, estimate: i64) {
    let kind = ("Procedure", "D1110", "Adult cleaning");
    add(pms, patient, today.saturating_sub(20.days()), kind, amount, estimate);
}

fn paid(pms: &mut Pms, patient: &Patient, today: Date, amount: i64) {
    add(pms, patient, today.saturating_sub(6.days()), ("Payment", "CA", "Cash Payment"), -amount, 0);
}

fn add(
    pms: &mut Pms,
    patient: &Patient,
    day: Date,
    (transaction_type, code, description): (&'static str, &str, &str),
    amount: i64,
    estimate: i64,
) {
    let id = pms.books.next_id();
    let line = Transaction {
        transaction_sr_no: id,
        transaction_type,
        patient_id: patient.patient_id,
        guarantor_id: patient.guarantor_id,
        provider_id: patient.provider_id.clone(),
        transaction_date: day,
        entered: DateTime::from_parts(day, Time::constant(16, 40, 0, 0)),
        procedure_code: code.to_owned(),
        procedure_description: description.to_owned(),
        amount,
        estimate,
        note: String::new(),
    };
    pms.books.transactions.insert(id, line);
}

fn plan(pms: &mut Pms, patient: &Patient, company: &Company, subscriber: &str, relation: &'static str) {
    pms.books.plans.push(Plan {
        patient_id: patient.patient_id,
        company: company.id,
        subscriber_id: subscriber.to_owned(),
        kind: "Dental Primary",
        relation,
        used: 12_000,
        deductible_left: 2_500,
    });
}
