use domain::{Balance, Money, Sensitive};
use pms::Operation;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Access, Arguments, Running, Tool, schema_of, with_general};
use crate::own_book::identified;
use crate::proof::{Given, Who};
use crate::turn::Turn;
use crate::{Status, Template, ToolAnswer, sentences, spoken};

const NAME: &str = "getPatientBalance";

/// Arguments of `getPatientBalance`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct GetPatientBalance {
    /// The patient's id, as another tool gave it.
    #[schemars(length(min = 1, max = 80))]
    patient_id: String,
    #[serde(flatten)]
    who: Who,
}

const OWED: Template = Template {
    code: "balance_owed",
    status: Status::Ok,
    en: "The balance to pay on {firstName}'s account is {amount}.",
    es: "El saldo por pagar en la cuenta de {firstName} es de {amount}.",
    fr: "Le solde à payer au compte de {firstName} est de {amount}.",
};
const OWED_WITH_INSURANCE: Template = Template {
    code: "balance_owed_with_insurance",
    status: Status::Ok,
    en: "The balance on {firstName}'s account is {amount}, and the clinic expects {expected} of it from the insurance.",
    es: "El saldo en la cuenta de {firstName} es de {amount}, y la clínica espera que el seguro pague {expected}.",
    fr: "Le solde au compte de {firstName} est de {amount}, et la clinique s'attend à ce que l'assurance en paie {expected}.",
};
const SETTLED: Template = Template {
    code: "balance_settled",
    status: Status::Ok,
    en: "There is nothing to pay on {firstName}'s account.",
    es: "No hay nada por pagar en la cuenta de {firstName}.",
    fr: "Il n'y a rien à payer au compte de {firstName}.",
};
const CREDIT: Template = Template {
    code: "balance_credit",
    status: Status::Ok,
    en: "There is a credit of {amount} on {firstName}'s account.",
    es: "Hay un saldo a favor de {amount} en la cuenta de {firstName}.",
    fr: "Il y a un crédit de {amount} au compte de {firstName}.",
};
const NO_ACCOUNT: Template = Template {
    code: "balance_unknown",
    status: Status::None,
    en: "I don't find an account for {firstName}. The clinic's staff can look it up for you.",
    es: "No encuentro una cuenta de {firstName}. El personal de la clínica puede buscarla.",
    fr: "Je ne trouve pas de compte pour {firstName}. Le personnel de la clinique peut vérifier pour vous.",
};
const AS_OF: Template = Template {
    code: "balance_as_of",
    status: Status::Ok,
    en: "That is how it stood on {when}.",
    es: "Así estaba {when}.",
    fr: "C'était la situation {when}.",
};
const AGE_UNKNOWN: Template = Template {
    code: "balance_age_unknown",
    status: Status::Ok,
    en: "I can't tell how recent that is.",
    es: "No sé de cuándo es ese dato.",
    fr: "Je ne sais pas de quand cela date.",
};
const UNSEEN_PAYMENT: Template = Template {
    code: "balance_unseen_payment",
    status: Status::Ok,
    en: "A payment of {amount} made through me may not be counted yet.",
    es: "Un pago de {amount} hecho por este medio quizá todavía no esté descontado.",
    fr: "Un paiement de {amount} fait par mon intermédiaire n'est peut-être pas encore compté.",
};

const SENTENCES: &[&Template] =
    &[&OWED, &OWED_WITH_INSURANCE, &SETTLED, &CREDIT, &NO_ACCOUNT, &AS_OF, &AGE_UNKNOWN, &UNSEEN_PAYMENT];

pub(crate) fn tool() -> Tool {
    Tool {
        name: NAME,
        description: "Read what is open on a patient's account, once the caller has given the patient's name and date of birth.",
        access: Access::Reads,
        needs: &[Operation::ReadBalance, Operation::ReadPatient],
        audit_action: "patient.balance.read",
        arguments: schema_of::<GetPatientBalance>(),
        sentences: with_general(SENTENCES),
        run,
    }
}

fn run<'a>(turn: &'a mut Turn<'_>, arguments: Arguments<'a>) -> Running<'a> {
    Box::pin(async move {
        let raw: GetPatientBalance = arguments.read(turn.desk)?;
        let given = Given::read(turn.desk, raw.who)?;
        turn.require(Operation::ReadBalance)?;
        let patient = identified(turn, NAME, &raw.patient_id, &given).await?;
        let id = patient.vendor_id.clone();
        let first = patient.name.first.expose().as_str();
        // Ours first: what the copy begins to show in between is then known twice, and never not at all.
        let ours = turn.reception.ledger.payments(turn.desk, &id).await;
        let ours = ours.map_err(|error| turn.ledger_failed(&error, &sentences::UNREACHABLE))?;
        let answer = match turn.balance(&id).await? {
            Some(balance) => {
                let unseen = ours.iter().filter(|paid| paid.outruns(balance.copied_at));
                let unseen = unseen.map(|paid| paid.amount.minor).sum();
                let unseen = Money::new(unseen, balance.total.expose().currency);
                with_age(turn, told(turn, &balance, first), &balance, unseen)
            }
            None => turn.say(&NO_ACCOUNT, &[("firstName", first)]),
        };
        Ok(answer.with("patientId", id).with("firstName", first))
    })
}

fn told(turn: &Turn<'_>, balance: &Balance, first: &str) -> ToolAnswer {
    let language = turn.desk.language;
    let total = *balance.total.expose();
    let amount = spoken::money(language, total);
    // More than there is to pay cannot be a part of it: the practice's system counts it otherwise.
    let expected = balance.from_insurance.as_ref().map(|part| *part.expose());
    let expected = expected.filter(|part| (1..=total.minor).contains(&part.minor));
    let answer = match (total.minor, expected) {
        (0, _) => turn.say(&SETTLED, &[("firstName", first)]),
        (..0, _) => turn.say(&CREDIT, &[("firstName", first), ("amount", &amount)]),
        (_, Some(part)) => {
            let expected = spoken::money(language, part);
            let fills = [("firstName", first), ("amount", &amount), ("expected", &expected)];
            turn.say(&OWED_WITH_INSURANCE, &fills)
        }
        (_, None) => turn.say(&OWED, &[("firstName", first), ("amount", &amount)]),
    };
    let mut answer = answer.with("balance", shown(total));
    for (name, part) in [("fromPatient", &balance.from_patient), ("fromInsurance", &balance.from_insurance)] {
        if let Some(part) = part.as_ref().map(Sensitive::expose) {
            answer = answer.with(name, shown(*part));
        }
    }
    match balance.as_of {
        Some(day) => answer.with("asOf", day.to_string()),
        None => answer,
    }
}

/// What has to be said beside it: of when it is, unless it is of now, and what of ours it may not have yet.
fn with_age(turn: &Turn<'_>, answer: ToolAnswer, balance: &Balance, unseen: Money) -> ToolAnswer {
    let (desk, language) = (turn.desk, turn.desk.language);
    let today = desk.zone.to_datetime(desk.now).date();
    let copied = balance.copied_at.map(|at| at.to_zoned(desk.zone.clone()));
    let earlier = balance.as_of.filter(|day| copied.as_ref().map_or(today, |copied| copied.date()) > *day);
    let stale = balance.copied_at.is_some_and(|at| {
        desk.now.duration_since(at).unsigned_abs() > desk.settings.stale_after && at < desk.now
    });
    let answer = match (earlier, copied) {
        (Some(day), _) => {
            let when = spoken::day(language, day);
            answer.and_say(&AS_OF, language, &[("when", &when)])
        }
        (None, Some(copied)) if stale => {
            let when = spoken::moment(language, &copied);
            answer.and_say(&AS_OF, language, &[("when", &when)])
        }
        (None, Some(_)) => answer,
        (None, None) => answer.and_say(&AGE_UNKNOWN, language, &[]),
    };
    if unseen.minor <= 0 {
        return answer;
    }
    let amount = spoken::money(language, unseen);
    answer.and_say(&UNSEEN_PAYMENT, language, &[("amount", &amount)]).with("unseenPayments", shown(unseen))
}

/// An amount in whole cents, with its currency.
pub(super) fn shown(money: Money) -> Value {
    json!({ "minor": money.minor, "currency": money.currency.code() })
}
