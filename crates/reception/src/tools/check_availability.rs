use availability::{Ask, Held, Opening, PartOfDay, choose, openings, takes_patients};
use domain::{Clinician, ClinicianKind, DayBook, Window, words};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use pms::Operation;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::kind::{KIND_UNKNOWN, WithWhom, kind};
use super::{Access, Arguments, Running, Tool, schema_of, with_general};
use crate::ports::Claim;
use crate::sentences::input as said;
use crate::spoken::{self, Offer};
use crate::turn::{Stop, Turn, whole_days};
use crate::{BadInput, Status, Template, ToolAnswer, input, sentences, slot};

/// Arguments of `checkAvailability`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CheckAvailability {
    /// The first day to look at, as YYYY-MM-DD.
    #[schemars(length(min = 1, max = 40), extend("format" = "date"))]
    from: String,
    /// The last day to look at, as YYYY-MM-DD. Left out: only the first.
    #[schemars(length(max = 40), extend("format" = "date"))]
    to: Option<String>,
    /// Nothing earlier than this on the first day, as HH:MM on a 24-hour clock: for the first free time after a moment.
    #[schemars(length(max = 20))]
    not_before: Option<String>,
    /// What the visit is for, in the caller's words.
    #[schemars(length(max = 200))]
    reason: Option<String>,
    /// Whom the caller would like to see, by name.
    #[schemars(length(max = 80))]
    provider: Option<String>,
    /// Only in this part of the day.
    #[schemars(length(max = 20), extend("enum" = ["morning", "afternoon"]))]
    part_of_day: Option<String>,
    /// The kind of appointment, as listAppointmentTypes names it: it decides how long the visit takes.
    #[schemars(length(max = 80))]
    appointment_type: Option<String>,
    /// How long the visit takes, if the clinic said so.
    #[schemars(range(min = 5, max = 480))]
    duration_minutes: Option<i64>,
}

const SLOTS: Template = Template {
    code: "slots",
    status: Status::Ok,
    en: "I can offer {offers}. Which would you like?",
    es: "Puedo ofrecerle {offers}. ¿Cuál prefiere?",
    fr: "Je peux vous proposer {offers}. Que préférez-vous ?",
};
const NONE: Template = Template {
    code: "no_slots",
    status: Status::None,
    en: "I don't find a free time then. Shall I look at other days?",
    es: "No encuentro un horario libre en esas fechas. ¿Busco en otros días?",
    fr: "Je ne trouve pas d'heure libre à ce moment-là. Voulez-vous que je cherche d'autres jours ?",
};
const NONE_BUT_LATER: Template = Template {
    code: "no_slots_but_later",
    status: Status::None,
    en: "I don't find a free time then. The next one I see is {offer}. Would that suit you?",
    es: "No encuentro un horario libre en esas fechas. El siguiente que veo es {offer}. ¿Le conviene?",
    fr: "Je ne trouve pas d'heure libre à ce moment-là. La prochaine que je vois est {offer}. Cela vous convient-il ?",
};
const NOBODY_BY_THAT_NAME: Template = Template {
    code: "provider_unknown",
    status: Status::None,
    en: "I don't find anyone of that name at the clinic. Would you like the first free time with anyone?",
    es: "No encuentro a nadie con ese nombre en la clínica. ¿Quiere el primer horario libre con quien sea?",
    fr: "Je ne trouve personne de ce nom à la clinique. Voulez-vous la première heure libre, peu importe avec qui ?",
};
const TOO_OLD: Template = Template {
    code: "calendar_too_old",
    status: Status::NeedsStaff,
    en: "I haven't been able to see the clinic's calendar for {age}, so I won't guess at a time. The clinic's staff can find one for you.",
    es: "Hace {age} que no puedo ver el calendario de la clínica, así que no quiero adivinar. El personal de la clínica puede buscarle un horario.",
    fr: "Je n'ai pas pu voir l'agenda de la clinique depuis {age}, alors je préfère ne pas deviner. Le personnel de la clinique peut vous trouver une heure.",
};

const SENTENCES: &[&Template] = &[
    &SLOTS,
    &NONE,
    &NONE_BUT_LATER,
    &NOBODY_BY_THAT_NAME,
    &TOO_OLD,
    &KIND_UNKNOWN,
    &sentences::STALE,
    &sentences::AGE_UNKNOWN,
];

/// As many as an agent can use; more would only cost the caller time.
const MOST: usize = 12;
/// As many as a person keeps in mind.
const MOST_SPOKEN: usize = 3;
/// A book shorter than a week may show a clinician who does not work that day without any hours, and
/// then nobody could tell them from one whose hours are the practice's. It also holds what to offer
/// when the day asked for is full.
const LEAST_DAYS: i64 = 7;

pub(crate) fn tool() -> Tool {
    Tool {
        name: "checkAvailability",
        description: "Find free appointment times. Offer only times from its answer, and pass the slotId of the chosen one to bookAppointment.",
        access: Access::Reads,
        needs: &[Operation::ReadDayBook],
        audit_action: "availability.check",
        arguments: schema_of::<CheckAvailability>(),
        sentences: with_general(SENTENCES),
        run,
    }
}

/// How much further is looked when all that was read first is full.
const FURTHER_DAYS: i64 = 28;

fn run<'a>(turn: &'a mut Turn<'_>, arguments: Arguments<'a>) -> Running<'a> {
    Box::pin(async move {
        let wanted = Wanted::read(turn, &arguments)?;
        turn.require(Operation::ReadDayBook)?;
        let days = wanted.days().max(LEAST_DAYS);
        let covers = whole_days(&turn.desk.zone, wanted.from, days).ok_or_else(|| too_far(turn, "from"))?;
        let (held, book) = turn.calendar(covers).await?;
        let answer = answer(turn, &wanted, &held, &book)?;
        if answer.code != NONE.code {
            return Ok(answer);
        }
        let Some(further) = wanted.further(turn, days) else { return Ok(answer) };
        let (held, book) = turn.calendar(further).await?;
        self::answer(turn, &wanted, &held, &book)
    })
}

struct Wanted {
    from: Date,
    to: Date,
    /// Nothing earlier on the first day.
    clock: Option<Time>,
    reason: Option<String>,
    kind: Option<String>,
    /// With whom staff say that such a visit is.
    with: Option<ClinicianKind>,
    provider: Option<String>,
    part: Option<PartOfDay>,
    minutes: i64,
}

impl Wanted {
    fn read(turn: &Turn<'_>, arguments: &Arguments<'_>) -> Result<Self, Stop> {
        let desk = turn.desk;
        let raw: CheckAvailability = arguments.read(desk)?;
        let from = input::date(desk, "from", &raw.from)?;
        let to = raw.to.map(|text| input::date(desk, "to", &text)).transpose()?.unwrap_or(from);
        let today = desk.zone.to_datetime(desk.now).date();
        if from < today {
            return Err(BadInput::new(desk, "from", &said::DATE_PASSED, "must not be in the past").into());
        }
        let kind = kind(turn, raw.appointment_type.as_deref(), raw.reason.as_deref())?;
        // Staff know how long their visits take; what the caller's agent says counts where they said nothing.
        let by_kind = kind.and_then(|kind| kind.minutes);
        if to < from {
            let rule = "must not be before `from`";
            return Err(BadInput::new(desk, "to", &said::RANGE_REVERSED, rule).into());
        }
        if days_between(today, from) > desk.settings.days_ahead {
            return Err(too_far(turn, "from").into());
        }
        let last = from.saturating_add(jiff::Span::new().days(desk.settings.range_days.clamp(1, 92) - 1));
        Ok(Self {
            from,
            to: to.min(last),
            clock: raw.not_before.map(|text| input::clock(desk, "notBefore", &text)).transpose()?,
            reason: raw.reason,
            kind: raw.appointment_type,
            with: kind.and_then(|kind| kind.clinician_kind),
            provider: raw.provider,
            part: match raw.part_of_day.as_deref() {
                Some("morning") => Some(PartOfDay::Morning),
                Some(_) => Some(PartOfDay::Afternoon),
                None => None,
            },
            minutes: by_kind.or(raw.duration_minutes).unwrap_or(desk.settings.appointment_minutes),
        })
    }

    /// The days after those that were read first, as far as the practice looks ahead.
    fn further(&self, turn: &Turn<'_>, read: i64) -> Option<Window> {
        let (zone, settings) = (&turn.desk.zone, &turn.desk.settings);
        let after = self.from.checked_add(jiff::Span::new().try_days(read).ok()?).ok()?;
        let today = zone.to_datetime(turn.desk.now).date();
        let left = settings.days_ahead - days_between(today, after);
        (left > 0).then(|| whole_days(zone, after, left.min(FURTHER_DAYS))).flatten()
    }

    /// The first moment that is not too early.
    fn not_before(&self, turn: &Turn<'_>, zone: &TimeZone) -> Timestamp {
        let lead = SignedDuration::from_mins(turn.desk.settings.lead_minutes.max(0));
        let soonest = turn.desk.now.checked_add(lead).unwrap_or(Timestamp::MAX);
        let wished = self.clock.and_then(|clock| first_moment(self.from.to_datetime(clock), zone));
        wished.map_or(soonest, |wished| wished.max(soonest))
    }

    fn days(&self) -> i64 {
        days_between(self.from, self.to) + 1
    }
}

fn days_between(first: Date, last: Date) -> i64 {
    last.duration_since(first).as_hours() / 24
}

/// When the wall clock first shows `wall` or later: a time that it skips comes when it has moved.
fn first_moment(wall: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let at = zone.to_ambiguous_timestamp(wall);
    let skipped = matches!(at.offset(), AmbiguousOffset::Gap { .. });
    let earlier = at.earlier().ok()?;
    if skipped { Some(zone.following(earlier).next()?.timestamp()) } else { Some(earlier) }
}

fn too_far(turn: &Turn<'_>, path: &str) -> BadInput {
    let rule = format!("must be at most {} days ahead", turn.desk.settings.days_ahead);
    BadInput::new(turn.desk, path, &said::DATE_TOO_FAR, rule)
}

fn answer(turn: &Turn<'_>, wanted: &Wanted, held: &[Held], book: &DayBook) -> Result<ToolAnswer, Stop> {
    let desk = turn.desk;
    let zone = turn.zone(book);
    // Where nobody knows how old it is, nothing is said of it.
    let as_of = json!(book.freshness.copied_at.map(|copied_at| rfc3339(copied_at, &zone)));
    if let Some(age) = turn.too_old(&book.freshness) {
        return Ok(turn.say(&TOO_OLD, &[("age", &age)]).with("asOf", as_of));
    }
    let Some(clinicians) = who(wanted, book) else {
        let providers: Vec<&str> = book
            .clinicians
            .iter()
            .filter(|clinician| takes_patients(clinician))
            .map(|clinician| clinician.spoken_name.as_str())
            .collect();
        let answer = turn.say(&NOBODY_BY_THAT_NAME, &[]);
        return Ok(answer.with("providers", providers).with("slots", json!([])).with("asOf", as_of));
    };
    let within = whole_days(&zone, wanted.from, wanted.days()).ok_or_else(|| too_far(turn, "from"))?;
    let (now, later) = free(turn, wanted, held, book, &zone, &clinicians, within);
    let chosen = choose(&now, &zone, MOST);
    let named = wanted.provider.is_some();
    let answer = if chosen.is_empty() {
        nothing_then(turn, &later, &zone, named)
    } else {
        let offers: Vec<Offer> =
            choose(&chosen, &zone, MOST_SPOKEN).iter().map(|one| offer(turn, one, &zone)).collect();
        turn.say(&SLOTS, &[("offers", &spoken::offers(desk.language, &offers))])
    };
    let slots: Vec<Value> = chosen.iter().map(|one| slot_json(turn, one, &zone, named)).collect();
    let answer = answer.with("moreTimes", now.len() > slots.len()).with("slots", slots).with("asOf", as_of);
    Ok(turn.with_age(answer, &book.freshness))
}

/// What is free in the days asked for, and after them as far as the book goes.
fn free<'a>(
    turn: &Turn<'_>,
    wanted: &Wanted,
    held: &[Held],
    book: &'a DayBook,
    zone: &TimeZone,
    clinicians: &[String],
    within: Window,
) -> (Vec<Opening<'a>>, Vec<Opening<'a>>) {
    let ask = Ask {
        within: Window { start: within.start, end: within.end.max(book.covers.end) },
        minutes: wanted.minutes,
        step_minutes: turn.desk.settings.step_minutes,
        not_before: wanted.not_before(turn, zone),
        clinicians: Some(clinicians),
        part: wanted.part,
        zone,
    };
    openings(book, held, &ask).into_iter().partition(|opening| opening.window.start < within.end)
}

fn nothing_then(turn: &Turn<'_>, later: &[Opening<'_>], zone: &TimeZone, named: bool) -> ToolAnswer {
    let Some(first) = later.first() else { return turn.say(&NONE, &[]) };
    let language = turn.desk.language;
    let said = spoken::offer(language, &offer(turn, first, zone));
    let slots: Vec<Value> =
        choose(later, zone, MOST_SPOKEN).iter().map(|one| slot_json(turn, one, zone, named)).collect();
    turn.say(&NONE_BUT_LATER, &[("offer", &said)]).with("laterSlots", slots)
}

/// The clinicians to look at: the one named, or with whom such a visit is. `None` when nobody has the name.
fn who(wanted: &Wanted, book: &DayBook) -> Option<Vec<String>> {
    let ids = |keep: &dyn Fn(&Clinician) -> bool| -> Vec<String> {
        let kept = book.clinicians.iter().filter(|one| takes_patients(one) && keep(one));
        kept.map(|one| one.vendor_id.clone()).collect()
    };
    if let Some(name) = &wanted.provider {
        let is_doctor = words(name).iter().any(|word| DOCTOR.contains(&word.as_str()));
        let doctors = ids(&|one| one.kind == ClinicianKind::Provider && is_called(one, name));
        // "Dr Lee" is not the hygienist of that name, where a doctor has it.
        let named = if is_doctor && !doctors.is_empty() { doctors } else { ids(&|one| is_called(one, name)) };
        return (!named.is_empty()).then_some(named);
    }
    let called = [wanted.reason.as_deref(), wanted.kind.as_deref()];
    Some(WithWhom::of(book, wanted.with, &called).clinicians)
}

const DOCTOR: [&str; 7] = ["dr", "dra", "dre", "doctor", "doctora", "docteur", "docteure"];

fn is_called(clinician: &Clinician, name: &str) -> bool {
    let is_title = |word: &str| DOCTOR.contains(&word) || ["mr", "ms", "mrs"].contains(&word);
    let names =
        |text: &str| -> Vec<String> { words(text).into_iter().filter(|word| !is_title(word)).collect() };
    let mut has = names(&clinician.spoken_name);
    has.extend(names(&clinician.full_name));
    let asked = names(name);
    !asked.is_empty() && asked.iter().all(|word| has.contains(word))
}

pub(super) fn offer(turn: &Turn<'_>, opening: &Opening<'_>, zone: &TimeZone) -> Offer {
    Offer::of(turn.desk.language, opening.window.start.to_zoned(zone.clone()), Some(opening.clinician))
}

pub(super) fn slot_json(turn: &Turn<'_>, opening: &Opening<'_>, zone: &TimeZone, named: bool) -> Value {
    let claim = Claim {
        window: opening.window,
        clinician: opening.clinician.vendor_id.clone(),
        chair: opening.chair.vendor_id.clone(),
    };
    json!({
        "slotId": slot::write(&turn.reception.key, turn.desk.practice, &claim, named),
        "start": rfc3339(opening.window.start, zone),
        "provider": opening.clinician.spoken_name,
        "say": spoken::offer(turn.desk.language, &offer(turn, opening, zone)),
    })
}

/// RFC 3339 with the practice's own offset at that moment.
pub(crate) fn rfc3339(at: Timestamp, zone: &TimeZone) -> String {
    at.display_with_offset(zone.to_offset(at)).to_string()
}
