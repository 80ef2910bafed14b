//! A payment taken elsewhere, in the words of the vendor's ledger (contract 5.7). No card field is ever filled.

use std::collections::BTreeMap;

use domain::{Money, PaymentMethod};
use pms::{Advice, ErrorKind, NewPayment, PmsError};

use crate::wire;

/// What each way to pay is called in the practices' own lists.
const WORDS: [(PaymentMethod, &[&str]); 4] = [
    (PaymentMethod::Card, &["card"]),
    (PaymentMethod::Cash, &["cash"]),
    (PaymentMethod::Cheque, &["check", "cheque"]),
    (PaymentMethod::Transfer, &["transfer", "eft", "ach", "electronic"]),
];

/// Types that are no payment of a patient's.
const NOT_A_PATIENTS: [&str; 8] =
    ["insur", "adjust", "refund", "write", "discount", "courtesy", "debit", "finance"];

/// The practice's own type for a way to pay: the one its staff chose, or the only one that is called so. Between
/// several nothing is guessed.
pub(crate) fn kind<'a>(
    method: PaymentMethod,
    types: &'a [wire::PaymentType],
    chosen: &BTreeMap<String, String>,
) -> Option<&'a wire::PaymentType> {
    if let Some(code) = chosen.get(method.word()) {
        return types.iter().find(|one| one.code.str() == code);
    }
    let words = WORDS.iter().find(|(known, _)| *known == method).map_or(&[][..], |(_, words)| *words);
    let mut fitting = types.iter().filter(|one| {
        let name = one.description.str().to_ascii_lowercase();
        one.code.filled().is_some()
            && name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| words.contains(&word))
            && !NOT_A_PATIENTS.iter().any(|other| name.contains(other))
    });
    let first = fitting.next();
    first.filter(|_| fitting.next().is_none())
}

/// The body of `POST transaction`. The reference stands at the end of the note, where it is found again.
pub(crate) fn transaction<'a>(
    new: &'a NewPayment,
    reference: &str,
    practice_id: &'a str,
    guarantor_id: &'a str,
    kind: &'a wire::PaymentType,
) -> Result<wire::NewTransaction<'a>, PmsError> {
    let Money { minor, currency } = *new.amount.expose();
    if minor <= 0 {
        return Err(PmsError::new(ErrorKind::Invalid, Advice::Permanent).code("amount"));
    }
    Ok(wire::NewTransaction {
        patient_id: &new.patient,
        guarantor_id,
        practice_id,
        provider_id: &new.clinician,
        procedure_code: kind.code.str(),
        procedure_description: kind.description.str(),
        // What comes in is below zero in a ledger of what is owed.
        amount: Money::new(-minor, currency).decimal(),
        transaction_date: new.on.to_string(),
        note: note(&new.taken_as, reference),
        check_spu: "true",
    })
}

/// `Phone payment <as taken> ref <REFERENCE>`, in the characters that every system takes.
fn note(taken_as: &str, reference: &str) -> String {
    let plain: String =
        taken_as.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    format!("Phone payment {plain} ref {reference}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(names: &[&str]) -> Vec<wire::PaymentType> {
        names
            .iter()
            .enumerate()
            .map(|(at, name)| wire::PaymentType {
                code: at.to_string().as_str().into(),
                description: (*name).into(),
            })
            .collect()
    }

    fn chosen_of(method: PaymentMethod, names: &[&str]) -> Option<String> {
        let types = types(names);
        kind(method, &types, &BTreeMap::new()).map(|one| one.description.str().to_owned())
    }

    #[test]
    fn a_way_to_pay_is_the_only_type_that_is_called_so() {
        let names = ["Credit Card Payment", "Cash Payment", "Check Payment", "EFT", "Insurance Check"];
        assert_eq!(chosen_of(PaymentMethod::Card, &names).as_deref(), Some("Credit Card Payment"));
        assert_eq!(chosen_of(PaymentMethod::Cash, &names).as_deref(), Some("Cash Payment"));
        assert_eq!(chosen_of(PaymentMethod::Cheque, &names).as_deref(), Some("Check Payment"));
        assert_eq!(chosen_of(PaymentMethod::Transfer, &names).as_deref(), Some("EFT"));
    }

    #[test]
    fn between_two_types_and_among_none_nothing_is_guessed() {
        assert_eq!(chosen_of(PaymentMethod::Card, &["Visa Card", "Master Card"]), None);
        assert_eq!(chosen_of(PaymentMethod::Card, &["Card Refund", "Card Adjustment"]), None);
        assert_eq!(chosen_of(PaymentMethod::Transfer, &["Dr Achterberg"]), None);
        assert_eq!(chosen_of(PaymentMethod::Cash, &[]), None);
    }

    #[test]
    fn what_staff_chose_wins_and_a_choice_that_is_gone_is_none() {
        let types = types(&["Visa Card", "Master Card"]);
        let chosen = |code: &str| BTreeMap::from([("card".to_owned(), code.to_owned())]);
        let found = kind(PaymentMethod::Card, &types, &chosen("1")).map(|one| one.description.str());
        assert_eq!(found, Some("Master Card"));
        assert!(kind(PaymentMethod::Card, &types, &chosen("9")).is_none());
    }

    #[test]
    fn a_payment_is_below_zero_in_the_ledger_and_carries_its_reference() {
        let new = NewPayment {
            patient: "101".into(),
            clinician: "DR1".into(),
            amount: Money::new(4_070, domain::Currency::Usd).into(),
            method: PaymentMethod::Card,
            taken_as: "pi_3Q<x>".into(),
            on: jiff::civil::date(2026, 6, 1),
        };
        let kind = wire::PaymentType { code: "CC".into(), description: "Credit Card Payment".into() };
        let body = transaction(&new, "7KQ2M4XA", "1", "100", &kind).unwrap();
        assert_eq!(
            serde_json::to_value(body).unwrap(),
            serde_json::json!({
                "patient_id": "101", "guarantor_id": "100", "practice_id": "1", "provider_id": "DR1",
                "procedure_code": "CC", "procedure_description": "Credit Card Payment",
                "amount": "-40.70", "transaction_date": "2026-06-01",
                "note": "Phone payment pi-3Q-x- ref 7KQ2M4XA", "check_spu": "true"
            })
        );
        let nothing = NewPayment { amount: Money::new(0, domain::Currency::Usd).into(), ..new };
        assert!(transaction(&nothing, "7KQ2M4XA", "1", "100", &kind).is_err());
    }
}
