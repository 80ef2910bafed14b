//! The money side of one PMS: its ledger, and who insures whom (contract sections 4.4 and 5.7).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use serde::Serialize;

use super::call::Body;
use super::cloud::{Office, date};
use super::execute::{Done, parse_date};
use super::pms::Pms;
use super::record::Record;

/// What a practice's ledger and its insurance cards hold. Amounts are hundredths.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// The ledger by number.
    pub transactions: BTreeMap<u64, Transaction>,
    /// Insurance companies.
    pub companies: Vec<Company>,
    /// Which patient has which plan.
    pub plans: Vec<Plan>,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transaction {
    /// Number in the PMS.
    pub transaction_sr_no: u64,
    /// `Procedure` or `Payment`.
    pub transaction_type: &'static str,
    /// Whose account.
    pub patient_id: u64,
    /// Who pays.
    pub guarantor_id: u64,
    /// Whose work.
    pub provider_id: String,
    /// Local day.
    pub transaction_date: Date,
    /// Local time it was entered.
    pub entered: DateTime,
    /// A procedure's or a payment type's code.
    pub procedure_code: String,
    /// Its description.
    pub procedure_description: String,
    /// Hundredths; a payment is below zero.
    pub amount: i64,
    /// Hundredths that an insurance is expected to pay of it.
    pub estimate: i64,
    /// Free text.
    pub note: String,
}

/// An insurance company.
#[derive(Debug, Clone)]
pub struct Company {
    /// Its id.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The plan's name.
    pub plan: &'static str,
    /// Hundredths it pays at most in a year.
    pub yearly: i64,
}

/// One patient's plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whose.
    pub patient_id: u64,
    /// The company's id.
    pub company: &'static str,
    /// The insured person's number.
    pub subscriber_id: String,
    /// `Dental Primary`.
    pub kind: &'static str,
    /// `Self`, `Child`.
    pub relation: &'static str,
    /// Hundredths used this year.
    pub used: i64,
    /// Hundredths of the deductible left.
    pub deductible_left: i64,
}

/// Ways to pay: code, description, and whether it is an adjustment or an insurance's.
pub const PAYMENT_TYPES: [(&str, &str, &str); 6] = [
    ("CC", "Credit Card Payment", ""),
    ("CA", "Cash Payment", ""),
    ("CK", "Check Payment", ""),
    ("EF", "Electronic Transfer", ""),
    ("IN", "Insurance Payment", "insurance"),
    ("AD", "Courtesy Adjustment", "adjustment"),
];

impl Books {
    /// The number the next line gets.
    pub fn next_id(&self) -> u64 {
        self.transactions.last_key_value().map_or(9001, |(id, _)| id + 1)
    }

    /// Everything of one patient added up, and the part an insurance is expected to pay.
    fn standing(&self, patient_id: u64) -> (i64, i64) {
        let own = self.transactions.values().filter(|line| line.patient_id == patient_id);
        let (total, expected) =
            own.fold((0, 0), |(total, expected), line| (total + line.amount, expected + line.estimate));
        (total, expected.clamp(0, total.max(0)))
    }
}

/// The cloud's rows of the books.
#[derive(Debug, Default)]
pub struct Rows {
    /// Rows of `patient_balance`.
    pub balances: Vec<Arc<Record>>,
    /// Rows of `transactions`.
    pub transactions: Vec<Arc<Record>>,
    /// Rows of `subscribers`.
    pub subscribers: Vec<Arc<Record>>,
    /// Rows of `insurance_companies`.
    pub companies: Vec<Arc<Record>>,
    /// Rows of `payment_types`.
    pub payment_types: Vec<Arc<Record>>,
}

impl Rows {
    /// Copies the books as of `local`.
    pub fn of(pms: &Pms, office: Office<'_>, local: DateTime) -> Self {
        let books = &pms.books;
        Self {
            balances: pms.patients.keys().map(|id| Arc::new(balance_row(*id, pms, office, local))).collect(),
            transactions: books.transactions.values().map(|line| Arc::new(line_row(line, office))).collect(),
            subscribers: books.plans.iter().map(|plan| Arc::new(plan_row(plan, pms, office))).collect(),
            companies: books.companies.iter().map(|one| Arc::new(company_row(one, office))).collect(),
            payment_types: PAYMENT_TYPES.iter().map(|one| Arc::new(payment_type_row(one, office))).collect(),
        }
    }
}

/// An amount as the vendor writes it, with four places.
fn amount(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    let size = hundredths.unsigned_abs();
    format!("{sign}{}.{:02}00", size / 100, size % 100)
}

fn balance_row(id: u64, pms: &Pms, office: Office<'_>, local: DateTime) -> Record {
    let (total, expected) = pms.books.standing(id);
    let name = |part: fn(&super::pms::Patient) -> &String| {
        pms.patients.get(&id).map(|patient| part(patient).clone()).unwrap_or_default()
    };
    Record::of([
        ("patient_id", id.to_string()),
        ("firstname", name(|patient| &patient.firstname)),
        ("lastname", name(|patient| &patient.lastname)),
        ("practice_id", office.practice_id.to_owned()),
        ("customer_id", office.cust_id.to_owned()),
        ("chart_number", format!("C{id}")),
        ("current_date", date(local.date())),
        ("patient_balance", amount(total)),
        ("patient_due", amount(total - expected)),
        ("insurance_due", amount(expected)),
        ("account_balance", amount(total)),
        ("unapplied", amount(0)),
        ("write_off", amount(0)),
        ("patient_amount_less_than_30", amount(total - expected)),
        ("insurance_amount_less_than_30", amount(expected)),
    ])
}

fn line_row(line: &Transaction, office: Office<'_>) -> Record {
    let is_payment = line.transaction_type == "Payment";
    Record::of([
        ("href", format!("/transactions/{}", line.transaction_sr_no)),
        ("transaction_sr_no", line.transaction_sr_no.to_string()),
        ("transaction_type", line.transaction_type.to_owned()),
        ("transaction_date", date(line.transaction_date)),
        ("transaction_entry_date", line.entered.to_string()),
        ("patient_id", line.patient_id.to_string()),
        ("guarantor_id", line.guarantor_id.to_string()),
        ("provider_id", line.provider_id.clone()),
        ("practice_id", office.practice_id.to_owned()),
        ("procedure_code", line.procedure_code.clone()),
        ("procedure_description", line.procedure_description.clone()),
        ("amount", amount(line.amount)),
        ("quantity", "1".to_owned()),
        ("payment_type", if is_payment { line.procedure_code.clone() } else { String::new() }),
        ("estimated_insurance_payment", amount(line.estimate)),
        ("note", line.note.clone()),
        ("cust_id", office.cust_id.to_owned()),
    ])
}

fn plan_row(plan: &Plan, pms: &Pms, office: Office<'_>) -> Record {
    let patient = pms.patients.get(&plan.patient_id);
    Record::of([
        ("href", format!("/subscribers/{}", plan.subscriber_id)),
        ("patient_id", plan.patient_id.to_string()),
        ("practice_id", office.practice_id.to_owned()),
        ("subscriber_id", plan.subscriber_id.clone()),
        ("type", plan.kind.to_owned()),
        ("insurance_company_id", plan.company.to_owned()),
        ("patient_relation", plan.relation.to_owned()),
        ("individual_used", amount(plan.used)),
        ("individual_deductible_remaining", amount(plan.deductible_left)),
        // The vendor spells it so.
        ("family_deductible_reamining", amount(plan.deductible_left * 3)),
        ("ortho_used", amount(0)),
        ("insurance_effective_date", "2024-01-01T00:00:00".to_owned()),
        ("firstname", patient.map(|one| one.firstname.clone()).unwrap_or_default()),
        ("lastname", patient.map(|one| one.lastname.clone()).unwrap_or_default()),
        ("cust_id", office.cust_id.to_owned()),
    ])
}

fn company_row(company: &Company, office: Office<'_>) -> Record {
    Record::of([
        ("href", format!("/insurance_companies/{}", company.id)),
        ("insurance_company_id", company.id.to_owned()),
        ("practice_id", office.practice_id.to_owned()),
        ("payer_id", format!("P{}", company.id)),
        ("group_plan_number", format!("G{}", company.id)),
        ("maximum_yearly_benefit", amount(company.yearly)),
        ("individual_deductible_limit", amount(5_000)),
        ("family_deductible_limit", amount(15_000)),
        ("renew_month", "1".to_owned()),
        ("plan_type", "PPO".to_owned()),
        ("insurance_company_name", company.name.to_owned()),
        ("group_plan_name", company.plan.to_owned()),
        ("cust_id", office.cust_id.to_owned()),
    ])
}

fn payment_type_row((code, description, kind): &(&str, &str, &str), office: Office<'_>) -> Record {
    let flag = |of: &str| if *kind == of { "true".to_owned() } else { String::new() };
    Record::of([
        ("href", format!("/payment_types/{code}")),
        ("code", (*code).to_owned()),
        ("description", (*description).to_owned()),
        ("practice_id", office.practice_id.to_owned()),
        ("cust_id", office.cust_id.to_owned()),
        ("payment_type_status", "Active".to_owned()),
        // Filters that no row shows.
        ("is_adjustment_type", flag("adjustment")),
        ("is_insurance_type", flag("insurance")),
    ])
}

/// Hundredths in a body's amount.
pub(super) fn parse_amount(text: &str) -> Result<i64, String> {
    let wrong = || "amount is not a decimal".to_owned();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, cents) = digits.split_once('.').unwrap_or((digits, "0"));
    let number = |text: &str| text.parse::<i64>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    let cents = number(&format!("{cents:0<2}")).filter(|_| cents.len() <= 2).ok_or_else(wrong)?;
    let whole = number(whole).filter(|whole| *whole < 10_000_000).ok_or_else(wrong)?;
    Ok(sign * (whole * 100 + cents))
}

/// `POST /transaction`: a payment into the ledger. It charges no card.
pub(super) fn post(pms: &mut Pms, body: &Body, local: DateTime) -> Result<Done, String> {
    let refuse = |why: &str| Err(format!("Transaction not saved: {why}"));
    let number = |field: &str| body.text_or_empty(field).parse::<u64>().unwrap_or(0);
    let (patient_id, guarantor_id) = (number("patient_id"), number("guarantor_id"));
    if !pms.patients.contains_key(&patient_id) {
        return refuse("patient not found");
    }
    if !pms.patients.contains_key(&guarantor_id) {
        return refuse("guarantor not found");
    }
    let provider_id = body.text_or_empty("provider_id");
    if pms.bookable_provider(&provider_id).is_none() {
        return refuse("provider not found or inactive");
    }
    let (code, description) =
        (body.text_or_empty("procedure_code"), body.text_or_empty("procedure_description"));
    if !PAYMENT_TYPES.iter().any(|known| (known.0, known.1) == (code.as_str(), description.as_str())) {
        return refuse("procedure code and description are no payment type");
    }
    let amount = parse_amount(&body.text_or_empty("amount"))?;
    if amount == 0 {
        return refuse("amount is zero");
    }
    let note = body.text_or_empty("note");
    if note.contains(['<', '>', '&']) {
        return refuse("note contains special characters that are not allowed");
    }
    let id = pms.books.next_id();
    let line = Transaction {
        transaction_sr_no: id,
        transaction_type: "Payment",
        patient_id,
        guarantor_id,
        provider_id,
        transaction_date: parse_date(&body.text_or_empty("transaction_date"))?,
        entered: local,
        procedure_code: code,
        procedure_description: description,
        amount,
        estimate: 0,
        note,
    };
    pms.books.transactions.insert(id, line);
    Ok(Done {
        text: "New transaction inserted successfully",
        appointment_sr_no: None,
        patient_id: Some(patient_id),
        created_id: Some(id),
    })
}
