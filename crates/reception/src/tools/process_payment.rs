use domain::{Currency, Money, Patient, PaymentMethod, WritebackId};
use pms::{NewPayment, Operation, Write};
use schemars::JsonSchema;
use serde::Deserialize;

use super::get_patient_balance::shown;
use super::{Access, Arguments, Running, Tool, create_patient, schema_of, with_general};
use crate::own_book::identified;
use crate::ports::{NewWrite, Recorded, Requested, WriteNews};
use crate::proof::{Given, Who};
use crate::sentences::input as said;
use crate::turn::{Stop, Turn};
use crate::{BadInput, Status, Template, ToolAnswer, sentences, spoken};

const NAME: &str = "processPayment";

/// Arguments of `processPayment`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ProcessPayment {
    /// The patient's id, as another tool gave it.
    #[schemars(length(min = 1, max = 80))]
    patient_id: String,
    /// What the payment service calls the payment that it has already taken. Never a card number.
    #[schemars(length(min = 4, max = 64))]
    reference: String,
    /// The amount in cents: 4070 for 40.70.
    #[schemars(range(min = 1, max = 10_000_000))]
    amount: i64,
    /// The currency's three letters, such as USD.
    #[schemars(length(min = 3, max = 3))]
    currency: String,
    /// How it was paid.
    #[schemars(length(min = 1, max = 20), extend("enum" = ["card", "cash", "cheque", "transfer"]))]
    method: String,
    #[serde(flatten)]
    who: Who,
}

const POSTED: Template = Template {
    code: "payment_posted",
    status: Status::Confirmed,
    en: "Thank you. The payment of {amount} is on {firstName}'s account.",
    es: "Gracias. El pago de {amount} ya está en la cuenta de {firstName}.",
    fr: "Merci. Le paiement de {amount} est inscrit au compte de {firstName}.",
};
const ON_ITS_WAY: Template = Template {
    code: "payment_on_its_way",
    status: Status::Accepted,
    en: "The payment of {amount} is on its way to {firstName}'s account at the clinic. It isn't there yet.",
    es: "El pago de {amount} va en camino a la cuenta de {firstName} en la clínica. Todavía no aparece en ella.",
    fr: "Le paiement de {amount} est en route vers le compte de {firstName} à la clinique. Il n'y figure pas encore.",
};
const NOT_KNOWN: Template = Template {
    code: "payment_not_known_yet",
    status: Status::Unknown,
    en: "I've sent the payment of {amount} on to the clinic's system, but I haven't heard back yet. Please keep your receipt. If it didn't go in, the clinic's staff will see to it.",
    es: "Envié el pago de {amount} al sistema de la clínica, pero todavía no tengo respuesta. Guarde su recibo. Si no quedó anotado, el personal de la clínica se ocupará de él.",
    fr: "J'ai transmis le paiement de {amount} au système de la clinique, mais je n'ai pas encore de réponse. Gardez votre reçu. S'il n'a pas abouti, le personnel de la clinique s'en occupera.",
};
const OFFLINE: Template = Template {
    code: "payment_kept_offline",
    status: Status::NeedsStaff,
    en: "The clinic's computer can't be reached right now. I've kept the note of your payment of {amount}; it isn't on the account yet.",
    es: "En este momento no hay conexión con la computadora de la clínica. Guardé la nota de su pago de {amount}; todavía no está en la cuenta.",
    fr: "L'ordinateur de la clinique n'est pas joignable en ce moment. J'ai gardé la note de votre paiement de {amount} ; il n'est pas encore au compte.",
};
const STAFF: Template = Template {
    code: "payment_needs_staff",
    status: Status::NeedsStaff,
    en: "I couldn't put the payment of {amount} on the account in the clinic's system. The clinic's staff will have to do it; please keep your receipt.",
    es: "No pude poner el pago de {amount} en la cuenta en el sistema de la clínica. El personal tendrá que hacerlo; guarde su recibo.",
    fr: "Je n'ai pas pu porter le paiement de {amount} au compte dans le système de la clinique. Le personnel devra le faire ; gardez votre reçu.",
};
const WITH_CLINIC: Template = Template {
    code: "payment_with_clinic",
    status: Status::NeedsStaff,
    en: "The clinic already knows about this payment of {amount}, and its staff are taking care of it. Please don't pay it again, and keep your receipt.",
    es: "La clínica ya tiene noticia de este pago de {amount} y su personal se ocupa de él. No lo pague otra vez y guarde su recibo.",
    fr: "La clinique est déjà au courant de ce paiement de {amount} et son personnel s'en occupe. Ne le payez pas de nouveau et gardez votre reçu.",
};
const REFERENCE_USED: Template = Template {
    code: "payment_reference_used",
    status: Status::Refused,
    en: "That payment number already belongs to a different payment. Could you check the number?",
    es: "Ese número de pago ya pertenece a otro pago. ¿Puede revisar el número?",
    fr: "Ce numéro de paiement appartient déjà à un autre paiement. Pouvez-vous vérifier le numéro ?",
};

const NOT_ANNOUNCED: Template = Template {
    code: "payment_not_announced",
    status: Status::NeedsStaff,
    en: "I can't see a payment of {amount} under that number yet, so I haven't put it on the account. The clinic's staff will check whether it arrived; please keep your receipt.",
    es: "Todavía no veo ningún pago de {amount} con ese número, así que no lo puse en la cuenta. El personal de la clínica revisará si llegó; guarde su recibo.",
    fr: "Je ne vois pas encore de paiement de {amount} sous ce numéro, je ne l'ai donc pas porté au compte. Le personnel de la clinique vérifiera s'il est arrivé ; gardez votre reçu.",
};

const SENTENCES: &[&Template] =
    &[&POSTED, &ON_ITS_WAY, &NOT_KNOWN, &OFFLINE, &STAFF, &WITH_CLINIC, &REFERENCE_USED, &NOT_ANNOUNCED];

pub(crate) fn tool() -> Tool {
    Tool {
        name: NAME,
        description: "Put a payment that the payment service has already taken on the patient's account. It charges nothing, and on a call it knows only payments that the payment service has announced. Never ask for, repeat or pass on a card number.",
        access: Access::Writes,
        needs: &[Operation::RecordPayment, Operation::ReadPatient],
        audit_action: "payment.record",
        arguments: schema_of::<ProcessPayment>(),
        sentences: with_general(SENTENCES),
        run,
    }
}

fn run<'a>(turn: &'a mut Turn<'_>, arguments: Arguments<'a>) -> Running<'a> {
    Box::pin(async move {
        let raw: ProcessPayment = arguments.read(turn.desk)?;
        let taken_as = reference(turn, &raw.reference)?;
        let amount = Money::new(raw.amount, currency(turn, &raw.currency)?);
        let given = Given::read(turn.desk, raw.who)?;
        let patient = identified(turn, NAME, &raw.patient_id, &given).await?;
        turn.require(Operation::RecordPayment)?;
        let payment = NewPayment {
            clinician: filed_under(turn, &patient).await?,
            patient: patient.vendor_id.clone(),
            amount: amount.into(),
            // The schema knows no other word.
            method: PaymentMethod::from_word(&raw.method).unwrap_or(PaymentMethod::Card),
            taken_as,
            on: turn.desk.zone.to_datetime(turn.desk.now).date(),
        };
        let payment = believed(turn, payment, amount).await?;
        record(turn, &patient, payment, amount).await
    })
}

/// The payment, where somebody other than whoever is on the phone says that it was taken: the door, or the tenant's
/// payment service, which then also knows better how it was paid.
async fn believed(turn: &Turn<'_>, payment: NewPayment, amount: Money) -> Result<NewPayment, Stop> {
    if turn.desk.caller.vouched {
        return Ok(payment);
    }
    if let Some(taken) = turn.take_payment(&payment).await? {
        return Ok(NewPayment { method: taken.method.unwrap_or(payment.method), ..payment });
    }
    // Which part does not fit is not said: nobody learns of a payment by guessing.
    let said = spoken::money(turn.desk.language, amount);
    Err(Stop::Answer(turn.say(&NOT_ANNOUNCED, &[("amount", &said)])))
}

/// Whether a text can be what a payment service calls a payment: 4 to 64 letters, digits, points, hyphens and
/// underscores, which no ledger stumbles over.
#[must_use]
pub fn is_payment_reference(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (4..=64).contains(&text.len())
        && text.chars().all(plain)
        && text.chars().any(|c| c.is_ascii_alphanumeric())
}

fn reference(turn: &Turn<'_>, text: &str) -> Result<String, BadInput> {
    if is_payment_reference(text) {
        return Ok(text.to_owned());
    }
    let rule = "must be 4 to 64 letters, digits, points, hyphens and underscores";
    Err(BadInput::new(turn.desk, "reference", &said::NOT_A_REFERENCE, rule))
}

/// The practice's own currency, and no other.
fn currency(turn: &Turn<'_>, text: &str) -> Result<Currency, BadInput> {
    let own = turn.desk.settings.currency.or_else(|| Currency::of_country(&turn.desk.country));
    match text.parse::<Currency>() {
        Ok(given) if own.is_none_or(|own| own == given) => Ok(given),
        _ => {
            let rule = own.map_or("must be a currency".to_owned(), |own| format!("must be {own}"));
            Err(BadInput::new(turn.desk, "currency", &said::NOT_A_CHOICE, rule))
        }
    }
}

/// The clinician the patient usually sees, or whom new patients are filed under.
async fn filed_under(turn: &mut Turn<'_>, patient: &Patient) -> Result<String, Stop> {
    match &patient.usual_clinician {
        Some(clinician) => Ok(clinician.clone()),
        None => create_patient::file_under(turn).await,
    }
}

/// One reference is one payment of the tenant's, for ever: whoever asks again joins it, and whoever names it for
/// something else, or at another location, is refused.
async fn record(
    turn: &mut Turn<'_>,
    patient: &Patient,
    payment: NewPayment,
    amount: Money,
) -> Result<ToolAnswer, Stop> {
    let intent = ["payment", payment.taken_as.as_str()];
    let intent_key = turn.reception.intent_key(turn.desk, &intent);
    let locations = turn.locations().await?;
    let once_for_all =
        locations.into_iter().map(|practice| turn.reception.intent_key_at(practice, &intent)).collect();
    let write = Write::RecordPayment(payment);
    let new = NewWrite {
        write: write.clone(),
        intent_key,
        once_for_all,
        claim: None,
        depends_on: None,
        needed_by: turn.worth_sending_until(),
    };
    let (writeback, failed) = match turn.request(new).await? {
        Some(Requested::New(writeback)) => (writeback, &STAFF),
        Some(Requested::Joined(writeback)) => match turn.recorded(writeback).await? {
            // Whoever gave it before was told; since then staff may have entered it by hand.
            Recorded::Here(known) if is_same(&known, &write) => (writeback, &WITH_CLINIC),
            Recorded::Here(_) | Recorded::Elsewhere => return Ok(turn.say(&REFERENCE_USED, &[])),
            // It may well be this one: nobody is sent away with it, to pay it a second time.
            Recorded::Unreadable => return Ok(told(turn, patient, writeback, (amount, &WITH_CLINIC))),
        },
        // A payment claims no time: only a ledger that is wrong says so.
        None => return Ok(turn.say(&sentences::NOT_SURE_RECORDED, &[])),
    };
    answer(turn, patient, writeback, (amount, failed)).await
}

/// Whether two are one payment of one patient. The day and the clinician may differ: it is asked for again later.
fn is_same(known: &Write, asked: &Write) -> bool {
    match (known, asked) {
        (Write::RecordPayment(known), Write::RecordPayment(asked)) => {
            known.patient == asked.patient && known.amount == asked.amount && known.taken_as == asked.taken_as
        }
        _ => false,
    }
}

async fn answer(
    turn: &mut Turn<'_>,
    patient: &Patient,
    writeback: WritebackId,
    (amount, failed): (Money, &Template),
) -> Result<ToolAnswer, Stop> {
    let template = match turn.news(writeback).await {
        WriteNews::Succeeded { .. } => &POSTED,
        WriteNews::Waiting => &ON_ITS_WAY,
        WriteNews::Unknown => &NOT_KNOWN,
        WriteNews::Offline => &OFFLINE,
        WriteNews::Failed(_) | WriteNews::Parked => failed,
    };
    Ok(told(turn, patient, writeback, (amount, template)))
}

/// A sentence about the payment, with what it is about.
fn told(
    turn: &Turn<'_>,
    patient: &Patient,
    writeback: WritebackId,
    (amount, template): (Money, &Template),
) -> ToolAnswer {
    let said = spoken::money(turn.desk.language, amount);
    let fills = [("firstName", patient.name.first.expose().as_str()), ("amount", &said)];
    turn.say(template, &fills)
        .with("patientId", patient.vendor_id.as_str())
        .with("amount", shown(amount))
        .with("writebackId", writeback.to_string())
}
