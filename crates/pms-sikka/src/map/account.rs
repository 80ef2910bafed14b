//! Accounts, insurances and kinds of appointment (contract sections 4.4 to 4.6).

use std::collections::BTreeMap;

use domain::{AppointmentType, Balance, Currency, Insurance, InsuranceRank, Money, Sensitive};

use super::time;
use crate::wire;
use crate::wire::Text;

/// What a practice counts its money in: by its own country, where the vendor tells it in whatever words; by its zone
/// otherwise. No list of the vendor names a currency.
pub(crate) fn currency(country: &str, iana: &str) -> Currency {
    let code = match country.trim().to_ascii_lowercase().as_str() {
        "can" | "canada" => "CA",
        "usa" | "united states" | "united states of america" => "US",
        "aus" | "australia" => "AU",
        "nzl" | "new zealand" => "NZ",
        _ => country.trim(),
    };
    Currency::of_country(code).or_else(|| Currency::of_country(time::country(iana))).unwrap_or(Currency::Usd)
}

/// An account whose amount cannot be read: it is not zero.
#[derive(Debug, thiserror::Error)]
#[error("an account has no readable amount")]
pub(crate) struct NoAmount;

/// What stands on a patient's account.
pub(crate) fn balance(row: &wire::PatientBalance, currency: Currency) -> Result<Balance, NoAmount> {
    let part = |text: &Text| Money::read(text.str(), currency).map(Sensitive::new);
    Ok(Balance {
        patient: row.patient_id.str().to_owned(),
        total: part(&row.patient_balance).ok_or(NoAmount)?,
        from_patient: part(&row.patient_due),
        from_insurance: part(&row.insurance_due),
        as_of: time::date(row.current_date.str()),
        copied_at: None,
    })
}

/// Some lists say `N/A` where the others say nothing.
fn told(text: &Text) -> Option<String> {
    text.filled().filter(|text| !text.eq_ignore_ascii_case("n/a")).map(str::to_owned)
}

/// A patient's plan, with what the company's own row tells of it.
pub(crate) fn insurance(
    row: &wire::Subscriber,
    companies: &BTreeMap<String, wire::InsuranceCompany>,
    currency: Currency,
) -> Insurance {
    let company = companies.get(row.insurance_company_id.str());
    let money = |text: &Text| Money::read(text.str(), currency).map(Sensitive::new);
    let word = row.kind.str().to_ascii_lowercase();
    Insurance {
        rank: if word.contains("primary") {
            InsuranceRank::Primary
        } else if word.contains("secondary") {
            InsuranceRank::Secondary
        } else {
            InsuranceRank::Other
        },
        kind: row.kind.str().to_owned(),
        carrier: company.and_then(|company| told(&company.insurance_company_name)).map(Sensitive::new),
        plan: company.and_then(|company| told(&company.group_plan_name)).map(Sensitive::new),
        member: told(&row.subscriber_id).map(Sensitive::new),
        relation: told(&row.patient_relation).map(Sensitive::new),
        since: time::date(row.insurance_effective_date.str()),
        used: money(&row.individual_used),
        deductible_left: money(&row.individual_deductible_remaining),
        yearly_maximum: company.and_then(|company| money(&company.maximum_yearly_benefit)),
    }
}

/// A kind of appointment as a write may name it.
pub(crate) fn offered_type(row: &wire::WritebackDetail) -> Option<AppointmentType> {
    let is_type = matches!(row.category.str().to_ascii_lowercase().as_str(), "appttype" | "type" | "");
    let vendor_id = row.item.filled().filter(|_| is_type)?.to_owned();
    let name = row.description.filled().unwrap_or(&vendor_id).to_owned();
    Some(AppointmentType { vendor_id, name, minutes: None, clinician_kind: None })
}

/// A kind of appointment among the practice's words.
pub(crate) fn known_type(row: &wire::PracticeVariable) -> Option<AppointmentType> {
    let is_type = row.service_name.str().eq_ignore_ascii_case("appointment type");
    let vendor_id = row.value.filled().filter(|_| is_type)?.to_owned();
    let name = row.description.filled().unwrap_or(&vendor_id).to_owned();
    Some(AppointmentType { vendor_id, name, minutes: None, clinician_kind: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_reads_with_four_places_and_a_credit_is_below_zero() {
        let row = |total: &str| wire::PatientBalance {
            patient_id: "101".into(),
            patient_balance: total.into(),
            patient_due: "40.7000".into(),
            insurance_due: "".into(),
            current_date: "2026-06-01T00:00:00".into(),
            ..wire::PatientBalance::default()
        };
        let read = balance(&row("140.7000"), Currency::Usd).unwrap();
        assert_eq!(read.total.expose().minor, 14_070);
        assert_eq!(read.from_patient.map(|part| part.expose().minor), Some(4_070));
        assert_eq!((read.from_insurance, read.as_of), (None, Some(jiff::civil::date(2026, 6, 1))));
        assert_eq!(balance(&row("-39.30"), Currency::Cad).unwrap().total.expose().minor, -3_930);
    }

    #[test]
    fn an_account_without_a_readable_amount_is_no_account_of_nothing() {
        for text in ["", "N/A", "12.345", "owed"] {
            let row =
                wire::PatientBalance { patient_balance: text.into(), ..wire::PatientBalance::default() };
            assert!(balance(&row, Currency::Usd).is_err(), "{text}");
        }
    }

    #[test]
    fn a_plan_has_its_companys_name_and_says_whose_turn_it_is() {
        let company = wire::InsuranceCompany {
            insurance_company_name: "Larkmoor Mutual".into(),
            group_plan_name: "N/A".into(),
            maximum_yearly_benefit: "1500.0000".into(),
            ..wire::InsuranceCompany::default()
        };
        let companies = BTreeMap::from([("31".to_owned(), company)]);
        let row = |kind: &str, company: &str| wire::Subscriber {
            kind: kind.into(),
            insurance_company_id: company.into(),
            subscriber_id: "LM-1001".into(),
            ..wire::Subscriber::default()
        };
        let read = |kind: &str, company: &str| insurance(&row(kind, company), &companies, Currency::Usd);
        let primary = read("Dental Primary", "31");
        assert_eq!(primary.rank, InsuranceRank::Primary);
        assert_eq!(primary.carrier.as_ref().map(|name| name.expose().as_str()), Some("Larkmoor Mutual"));
        assert_eq!(primary.plan, None);
        assert_eq!(primary.yearly_maximum.map(|most| most.expose().minor), Some(150_000));
        let second = read("Medical SECONDARY", "99");
        assert_eq!((second.rank, second.carrier), (InsuranceRank::Secondary, None));
        assert_eq!(read("", "31").rank, InsuranceRank::Other);
    }

    #[test]
    fn a_kind_of_appointment_is_called_by_its_description_and_other_words_are_none() {
        let detail = |category: &str, item: &str, description: &str| {
            offered_type(&wire::WritebackDetail {
                category: category.into(),
                item: item.into(),
                description: description.into(),
            })
        };
        let recall = detail("appttype", "4", "Recall").unwrap();
        assert_eq!((recall.vendor_id.as_str(), recall.name.as_str()), ("4", "Recall"));
        assert_eq!(detail("appttype", "Recall", "").unwrap().name, "Recall");
        assert!(detail("gender", "male", "male").is_none() && detail("appttype", "", "x").is_none());
        let variable = |name: &str| {
            known_type(&wire::PracticeVariable {
                service_name: name.into(),
                value: "Recall".into(),
                description: "".into(),
            })
        };
        assert!(variable("Appointment Type").is_some() && variable("Appointment Status").is_none());
    }

    #[test]
    fn money_is_counted_as_the_practices_zone_has_it_where_nothing_else_tells() {
        for (country, iana, expected) in [
            ("", "America/Chicago", Currency::Usd),
            ("", "America/Toronto", Currency::Cad),
            ("", "Australia/Perth", Currency::Aud),
            ("", "Pacific/Auckland", Currency::Nzd),
            // Toronto's Windows zone is New York's.
            ("CA", "America/New_York", Currency::Cad),
            (" Canada ", "America/New_York", Currency::Cad),
            ("USA", "America/Toronto", Currency::Usd),
            ("Ruritania", "America/New_York", Currency::Usd),
        ] {
            assert_eq!(currency(country, iana), expected, "{country} in {iana}");
        }
    }
}
