use availability::Stage;
use pms::Operation;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::check_availability::rfc3339;
use super::{Access, Arguments, Running, Tool, schema_of, with_general};
use crate::own_book::{Own, OwnBook, identified};
use crate::proof::{Given, Who};
use crate::turn::Turn;
use crate::{Status, Template, ToolAnswer, sentences};

const NAME: &str = "getAppointments";

/// Arguments of `getAppointments`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct GetAppointments {
    /// The patient's id, as another tool gave it.
    #[schemars(length(min = 1, max = 80))]
    patient_id: String,
    #[serde(flatten)]
    who: Who,
}

const ONE: Template = Template {
    code: "appointments_one",
    status: Status::Ok,
    en: "I see one appointment to come: {first}.",
    es: "Veo una cita próxima: {first}.",
    fr: "Je vois un rendez-vous à venir : {first}.",
};
const TWO: Template = Template {
    code: "appointments_two",
    status: Status::Ok,
    en: "I see two appointments to come: {first}, and {second}.",
    es: "Veo dos citas próximas: {first}, y {second}.",
    fr: "Je vois deux rendez-vous à venir : {first}, et {second}.",
};
const MORE: Template = Template {
    code: "appointments_more",
    status: Status::Ok,
    en: "I see {count} appointments to come. The next ones are {first}, and {second}.",
    es: "Veo {count} citas próximas. Las primeras son {first}, y {second}.",
    fr: "Je vois {count} rendez-vous à venir. Les prochains sont {first}, et {second}.",
};
const NONE: Template = Template {
    code: "appointments_none",
    status: Status::None,
    en: "I don't see any appointment to come. Shall I look for a free time?",
    es: "No veo ninguna cita próxima. ¿Busco un horario libre?",
    fr: "Je ne vois aucun rendez-vous à venir. Voulez-vous que je cherche une heure libre ?",
};
const ONLY_REQUESTED: Template = Template {
    code: "appointments_only_requested",
    status: Status::Ok,
    en: "Your request for {when} is still on its way to the clinic. It isn't confirmed yet.",
    es: "Su solicitud para {when} todavía va en camino a la clínica. Aún no está confirmada.",
    fr: "Votre demande pour {when} est encore en route vers la clinique. Elle n'est pas encore confirmée.",
};
const ALSO_REQUESTED: Template = Template {
    code: "appointments_also_requested",
    status: Status::Ok,
    en: "A request for {when} is still on its way to the clinic. It isn't confirmed yet.",
    es: "Una solicitud para {when} todavía va en camino a la clínica. Aún no está confirmada.",
    fr: "Une demande pour {when} est encore en route vers la clinique. Elle n'est pas encore confirmée.",
};
const WITH_STAFF: Template = Template {
    code: "appointments_with_staff",
    status: Status::Ok,
    en: "Your request for {when} is with the clinic's staff, who have to look into it. It isn't confirmed, so please don't count on it yet.",
    es: "Su solicitud para {when} está en manos del personal de la clínica, que tiene que revisarla. No está confirmada; no la dé por hecha todavía.",
    fr: "Votre demande pour {when} est entre les mains du personnel de la clinique, qui doit l'examiner. Elle n'est pas confirmée ; ne comptez pas encore dessus.",
};
pub(super) const BY_HAND: Template = Template {
    code: "appointments_entered_by_hand",
    status: Status::Ok,
    en: "The clinic's staff have entered your request for {when} themselves, but I can't see it in their calendar yet.",
    es: "El personal de la clínica anotó por su cuenta su solicitud para {when}, pero todavía no la veo en su calendario.",
    fr: "Le personnel de la clinique a inscrit lui-même votre demande pour {when}, mais je ne la vois pas encore dans son agenda.",
};
const CHANGE_WITH_STAFF: Template = Template {
    code: "appointments_change_with_staff",
    status: Status::Ok,
    en: "A change of your appointment, {when}, is with the clinic's staff; it isn't certain yet whether it was made.",
    es: "Un cambio de su cita de {when} está en manos del personal de la clínica; todavía no es seguro que se haya hecho.",
    fr: "Un changement de votre rendez-vous de {when} est entre les mains du personnel de la clinique ; il n'est pas encore certain qu'il ait été fait.",
};
const CHANGE_BY_HAND: Template = Template {
    code: "appointments_changed_by_hand",
    status: Status::Ok,
    en: "The clinic's staff have made a change of your appointment, {when}, that I can't see yet, so it may not stand like that any more.",
    es: "El personal de la clínica hizo un cambio de su cita de {when} que todavía no veo, así que puede que ya no siga así.",
    fr: "Le personnel de la clinique a fait un changement de votre rendez-vous de {when} que je ne vois pas encore ; il ne tient peut-être plus tel quel.",
};
const CHANGING: Template = Template {
    code: "appointments_changing",
    status: Status::Ok,
    en: "The change you asked for is still on its way to the clinic.",
    es: "El cambio que pidió todavía va en camino a la clínica.",
    fr: "Le changement que vous avez demandé est encore en route vers la clinique.",
};
const UNCLEAR: Template = Template {
    code: "appointments_unclear",
    status: Status::Ok,
    en: "There is an entry, {when}, whose status I can't read. The clinic's staff can tell you whether it stands.",
    es: "Hay una anotación para {when} cuyo estado no puedo leer. El personal de la clínica puede decirle si sigue en pie.",
    fr: "Il y a une inscription pour {when}, dont je ne peux pas lire le statut. Le personnel de la clinique peut vous dire si elle tient toujours.",
};
const UNCLEAR_MORE: Template = Template {
    code: "appointments_unclear_more",
    status: Status::Ok,
    en: "There are {count} entries whose status I can't read; the first is {when}. The clinic's staff can tell you whether they stand.",
    es: "Hay {count} anotaciones cuyo estado no puedo leer; la primera es {when}. El personal puede decirle si siguen en pie.",
    fr: "Il y a {count} inscriptions dont je ne peux pas lire le statut ; la première est {when}. Le personnel peut vous dire si elles tiennent toujours.",
};

const SENTENCES: &[&Template] = &[
    &ONE,
    &TWO,
    &MORE,
    &NONE,
    &ONLY_REQUESTED,
    &ALSO_REQUESTED,
    &WITH_STAFF,
    &BY_HAND,
    &CHANGING,
    &CHANGE_WITH_STAFF,
    &CHANGE_BY_HAND,
    &UNCLEAR,
    &UNCLEAR_MORE,
    &sentences::STALE,
    &sentences::AGE_UNKNOWN,
    &sentences::changes::TOO_OLD,
];

/// As many as an agent can use.
const MOST: usize = 10;

pub(crate) fn tool() -> Tool {
    Tool {
        name: NAME,
        description: "Read the appointments to come of an identified patient. Of each, only the status booked means that it exists; on_its_way and with_staff are not confirmed, entered_by_hand is not seen in the calendar yet, and unclear may not stand. Pass the appointmentId of the one they mean to rescheduleAppointment or cancelAppointment.",
        access: Access::Reads,
        needs: &[Operation::ReadPatient, Operation::ReadAppointments],
        audit_action: "appointment.read",
        arguments: schema_of::<GetAppointments>(),
        sentences: with_general(SENTENCES),
        run,
    }
}

fn run<'a>(turn: &'a mut Turn<'_>, arguments: Arguments<'a>) -> Running<'a> {
    Box::pin(async move {
        let raw: GetAppointments = arguments.read(turn.desk)?;
        let given = Given::read(turn.desk, raw.who)?;
        let patient = identified(turn, NAME, &raw.patient_id, &given).await?;
        let book = OwnBook::read(turn, &patient.vendor_id).await?;
        book.fresh_enough(turn)?;
        Ok(answer(turn, &book))
    })
}

fn answer(turn: &Turn<'_>, book: &OwnBook) -> ToolAnswer {
    let to_come = || book.own.iter().filter(|one| !one.cancelled && one.window.start > turn.desk.now);
    let standing: Vec<&Own> = to_come().filter(|one| one.stage == Stage::Done && !one.unclear).collect();
    let mut unclear: Vec<&Own> = to_come().filter(|one| one.unclear).collect();
    let requested: Vec<&Own> = to_come().filter(|one| one.stage != Stage::Done).collect();
    let when = |own: &Own| book.when(turn, own.window, own.clinician.as_deref());
    let count = standing.len().to_string();
    let mut asked = requested.as_slice();
    let (many, first_unclear) =
        (unclear.len().to_string(), unclear.first().map(|one| when(one)).unwrap_or_default());
    let (doubt, fills) = match unclear.len() {
        0 | 1 => (&UNCLEAR, [("when", first_unclear.as_str()), ("count", "")]),
        _ => (&UNCLEAR_MORE, [("when", first_unclear.as_str()), ("count", many.as_str())]),
    };
    let mut answer = match (standing.as_slice(), requested.as_slice()) {
        ([], []) if !unclear.is_empty() => {
            unclear.clear();
            turn.say(doubt, &fills)
        }
        ([], []) => turn.say(&NONE, &[]),
        ([], [first, rest @ ..]) => {
            asked = rest;
            turn.say(requested_as(first.stage, &ONLY_REQUESTED), &[("when", &when(first))])
        }
        ([one], _) => turn.say(&ONE, &[("first", &when(one))]),
        ([one, two], _) => turn.say(&TWO, &[("first", &when(one)), ("second", &when(two))]),
        ([one, two, ..], _) => {
            turn.say(&MORE, &[("count", &count), ("first", &when(one)), ("second", &when(two))])
        }
    };
    let language = turn.desk.language;
    if let [one] = standing.as_slice()
        && one.is_changing(Stage::UnderWay)
    {
        answer = answer.and_say(&CHANGING, language, &[]);
    }
    for (stage, told) in [(Stage::WithStaff, &CHANGE_WITH_STAFF), (Stage::ByHand, &CHANGE_BY_HAND)] {
        if let Some(one) = standing.iter().find(|one| one.is_changing(stage)) {
            answer = answer.and_say(told, language, &[("when", &when(one))]);
        }
    }
    if let Some(one) = asked.first() {
        let told = requested_as(one.stage, &ALSO_REQUESTED);
        answer = answer.and_say(told, language, &[("when", &when(one))]);
    }
    if !unclear.is_empty() {
        answer = answer.and_say(doubt, language, &fills);
    }
    let list: Vec<Value> = to_come().take(MOST).map(|one| shape(book, one)).collect();
    let answer = turn.with_age(answer, &book.freshness).with("appointments", list);
    match book.freshness.copied_at {
        Some(copied_at) => answer.with("asOf", rfc3339(copied_at, &book.zone)),
        None => answer,
    }
}

/// What is said of a request: as `on_its_way` while it is under way.
const fn requested_as(stage: Stage, on_its_way: &'static Template) -> &'static Template {
    match stage {
        Stage::WithStaff => &WITH_STAFF,
        Stage::ByHand => &BY_HAND,
        Stage::UnderWay | Stage::Done => on_its_way,
    }
}

fn shape(book: &OwnBook, own: &Own) -> Value {
    // While staff are at it, or no copy shows what they did, nobody here knows whether it stands as it is shown.
    let is_doubtful = own.unclear || own.is_changing(Stage::WithStaff) || own.is_changing(Stage::ByHand);
    let status = if is_doubtful && own.stage == Stage::Done { "unclear" } else { own.stage.as_str() };
    let mut shape = json!({
        "start": rfc3339(own.window.start, &book.zone),
        "durationMinutes": own.window.minutes(),
        "provider": book.with_whom(own.clinician.as_deref()),
        "status": status,
        "pending": own.stage != Stage::Done,
        "changing": own.changing.is_some(),
    });
    if let Some(change) = &own.changing {
        shape["change"] = change.stage.as_str().into();
    }
    if own.unclear {
        shape["statusKnown"] = false.into();
    }
    if let Some(id) = own.called() {
        shape["appointmentId"] = id.into();
    }
    shape
}
