//! Days, times and lists as they are said aloud.

use jiff::Zoned;
use jiff::civil::{Date, Time, Weekday};

use domain::{Clinician, Money};

use crate::Language;

/// A day: `Tuesday, November 24`.
pub(crate) fn day(language: Language, date: Date) -> String {
    let month = usize::from(date.month().unsigned_abs()).saturating_sub(1);
    match language {
        Language::English => {
            format!("{}, {} {}", english_day(date.weekday()), ENGLISH_MONTHS[month % 12], date.day())
        }
        Language::Spanish => {
            let day = if date.day() == 1 { "primero".to_owned() } else { date.day().to_string() };
            format!("el {} {day} de {}", spanish_day(date.weekday()), SPANISH_MONTHS[month % 12])
        }
        Language::French => {
            let first = if date.day() == 1 { "er" } else { "" };
            let weekday = french_day(date.weekday());
            format!("le {weekday} {}{first} {}", date.day(), FRENCH_MONTHS[month % 12])
        }
    }
}

/// A time of day: `2:30 PM`, `las 2:30 de la tarde`, `14 heures 30`.
pub(crate) fn time(language: Language, time: Time) -> String {
    let hour = match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let clock = if time.minute() == 0 { hour.to_string() } else { format!("{hour}:{:02}", time.minute()) };
    match language {
        Language::English => format!("{clock} {}", if time.hour() < 12 { "AM" } else { "PM" }),
        Language::Spanish => {
            let part = match (time.hour(), time.minute()) {
                (12, 0) => "del mediodía",
                (0..=5, _) => "de la madrugada",
                (6..=11, _) => "de la mañana",
                (12..=18, _) => "de la tarde",
                _ => "de la noche",
            };
            format!("{} {clock} {part}", if hour == 1 { "la" } else { "las" })
        }
        Language::French => match (time.hour(), time.minute()) {
            (0, 0) => "minuit".to_owned(),
            (12, 0) => "midi".to_owned(),
            (hour, minute) => {
                let unit = if hour < 2 { "heure" } else { "heures" };
                if minute == 0 { format!("{hour} {unit}") } else { format!("{hour} {unit} {minute:02}") }
            }
        },
    }
}

/// A day and a time: `Tuesday, November 24 at 2:30 PM`.
pub(crate) fn moment(language: Language, at: &Zoned) -> String {
    let (day, time) = (day(language, at.date()), time(language, at.time()));
    match language {
        Language::English => format!("{day} at {time}"),
        Language::Spanish => format!("{day} a {time}"),
        Language::French => format!("{day} à {time}"),
    }
}

/// How long ago something was, roughly: `3 hours`, `una hora`.
pub(crate) fn age(language: Language, minutes: i64) -> String {
    let minutes = minutes.max(1);
    let (count, units) = match minutes {
        0..90 => (minutes, [("1 minute", "minutes"), ("un minuto", "minutos"), ("une minute", "minutes")]),
        90..2_880 => {
            ((minutes + 30) / 60, [("1 hour", "hours"), ("una hora", "horas"), ("une heure", "heures")])
        }
        _ => ((minutes + 720) / 1_440, [("1 day", "days"), ("un día", "días"), ("un jour", "jours")]),
    };
    let [en, es, fr] = units;
    let (one, many) = match language {
        Language::English => en,
        Language::Spanish => es,
        Language::French => fr,
    };
    if count == 1 { one.to_owned() } else { format!("{count} {many}") }
}

/// `a, b or c`.
pub(crate) fn either(language: Language, items: &[String]) -> String {
    let or = match language {
        Language::English => "or",
        // `o` before its own sound.
        Language::Spanish if begins(items.last(), &["o", "ó", "ho", "hó"]) => "u",
        Language::Spanish => "o",
        Language::French => "ou",
    };
    listed(items, or)
}

/// `a, b and c`.
pub(crate) fn all_of(language: Language, items: &[String]) -> String {
    let and = match language {
        Language::English => "and",
        // `y` before its own sound, which an `i` before another vowel is not.
        Language::Spanish
            if begins(items.last(), &["i", "í", "hi", "hí"])
                && !begins(items.last(), &["hie", "hia", "io", "ia"]) =>
        {
            "e"
        }
        Language::Spanish => "y",
        Language::French => "et",
    };
    listed(items, and)
}

fn begins(item: Option<&String>, sounds: &[&str]) -> bool {
    let item = item.map(|item| item.to_lowercase()).unwrap_or_default();
    sounds.iter().any(|sound| item.starts_with(sound))
}

fn listed(items: &[String], word: &str) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// The size of an amount, whichever way it goes: `140 dollars and 70 cents`. All currencies there are have dollars
/// and cents.
pub(crate) fn money(language: Language, money: Money) -> String {
    let size = money.minor.unsigned_abs();
    let (dollars, cents) = (size / 100, size % 100);
    let ((one_dollar, several_dollars), and, (one_cent, several_cents)) = match language {
        Language::English => (("1 dollar", "dollars"), "and", ("1 cent", "cents")),
        Language::Spanish => (("un dólar", "dólares"), "con", ("un centavo", "centavos")),
        // In French nothing is one, too.
        Language::French if dollars == 0 => (("", "dollar"), "et", ("un cent", "cents")),
        Language::French => (("un dollar", "dollars"), "et", ("un cent", "cents")),
    };
    let said = |count: u64, one: &str, many: &str| {
        if count == 1 { one.to_owned() } else { format!("{count} {many}") }
    };
    let (whole, parts) = (said(dollars, one_dollar, several_dollars), said(cents, one_cent, several_cents));
    match (dollars, cents) {
        (_, 0) => whole,
        (0, _) => parts,
        _ => format!("{whole} {and} {parts}"),
    }
}

/// A time that is offered, as it is said.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    /// When, on the practice's clock.
    pub(crate) at: Zoned,
    /// With whom.
    pub(crate) with: String,
}

impl Offer {
    /// At this time with this clinician, where there is one.
    pub(crate) fn of(language: Language, at: Zoned, with: Option<&Clinician>) -> Self {
        Self { at, with: with.map(|with| person(language, with)).unwrap_or_default() }
    }
}

/// A clinician as a sentence of this language names them: `Dr Lee`, `le Dr Lee`. Spanish needs to know whether they
/// are a doctor or a doctora; where their title does not say so, they are named without one.
pub(crate) fn person(language: Language, who: &Clinician) -> String {
    let said = who.spoken_name.trim();
    let (title, rest) = said.split_once(' ').unwrap_or(("", said));
    let title = title.trim_end_matches('.').to_lowercase();
    match (language, title.as_str()) {
        (Language::French, "dr" | "docteur") => format!("le {said}"),
        (Language::French, "dre" | "docteure") => format!("la {said}"),
        (Language::Spanish | Language::French, "dra" | "doctora") => format!("la {said}"),
        (Language::Spanish, "dr" | "dre" | "doctor") => {
            // Of the whole name only what is theirs: staff may call them otherwise.
            let whole = who.full_name.trim();
            if whole.split_whitespace().any(|word| rest.ends_with(word)) { whole } else { rest }.to_owned()
        }
        _ => said.to_owned(),
    }
}

/// One offer: `Tuesday, November 24 at 2:30 PM with Dr Lee`.
pub(crate) fn offer(language: Language, offer: &Offer) -> String {
    with(language, &moment(language, &offer.at), &offer.with)
}

/// Several offers in one breath: what they share, the day or the clinician, is said once.
pub(crate) fn offers(language: Language, offers: &[Offer]) -> String {
    let Some(first) = offers.first() else { return String::new() };
    let one_day = offers.iter().all(|offer| offer.at.date() == first.at.date());
    let one_clinician = offers.iter().all(|offer| offer.with == first.with);
    let items: Vec<String> = offers
        .iter()
        .map(|offer| {
            let when = match (one_day, language) {
                (false, _) => moment(language, &offer.at),
                (true, Language::English | Language::French) => time(language, offer.at.time()),
                (true, Language::Spanish) => format!("a {}", time(language, offer.at.time())),
            };
            if one_clinician { when } else { with(language, &when, &offer.with) }
        })
        .collect();
    let mut said = either(language, &items);
    if one_day {
        let day = day(language, first.at.date());
        said = match language {
            Language::English => format!("{day} at {said}"),
            Language::Spanish => format!("{day} {said}"),
            Language::French => format!("{day} à {said}"),
        };
    }
    if one_clinician { with(language, &said, &first.with) } else { said }
}

fn with(language: Language, when: &str, who: &str) -> String {
    if who.is_empty() {
        return when.to_owned();
    }
    match language {
        Language::English => format!("{when} with {who}"),
        Language::Spanish => format!("{when} con {who}"),
        Language::French => format!("{when} avec {who}"),
    }
}

const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const SPANISH_MONTHS: [&str; 12] = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
];

const FRENCH_MONTHS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

const fn english_day(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

const fn spanish_day(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "lunes",
        Weekday::Tuesday => "martes",
        Weekday::Wednesday => "miércoles",
        Weekday::Thursday => "jueves",
        Weekday::Friday => "viernes",
        Weekday::Saturday => "sábado",
        Weekday::Sunday => "domingo",
    }
}

const fn french_day(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "lundi",
        Weekday::Tuesday => "mardi",
        Weekday::Wednesday => "mercredi",
        Weekday::Thursday => "jeudi",
        Weekday::Friday => "vendredi",
        Weekday::Saturday => "samedi",
        Weekday::Sunday => "dimanche",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Zoned {
        text.parse().unwrap()
    }

    fn offered(text: &str, with: &str) -> Offer {
        Offer { at: at(text), with: with.to_owned() }
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        let half_past_two = at("2026-11-24T14:30-05:00[America/New_York]");
        assert_eq!(moment(Language::English, &half_past_two), "Tuesday, November 24 at 2:30 PM");
        assert_eq!(
            moment(Language::Spanish, &half_past_two),
            "el martes 24 de noviembre a las 2:30 de la tarde"
        );
        let one = at("2026-11-25T13:00-05:00[America/New_York]");
        assert_eq!(moment(Language::Spanish, &one), "el miércoles 25 de noviembre a la 1 de la tarde");
        assert_eq!(time(Language::English, Time::constant(12, 0, 0, 0)), "12 PM");
        assert_eq!(time(Language::English, Time::constant(0, 15, 0, 0)), "12:15 AM");
        for (hour, minute, said) in [
            (0, 30, "las 12:30 de la madrugada"),
            (6, 0, "las 6 de la mañana"),
            (12, 0, "las 12 del mediodía"),
            (18, 45, "las 6:45 de la tarde"),
            (19, 0, "las 7 de la noche"),
        ] {
            assert_eq!(time(Language::Spanish, Time::constant(hour, minute, 0, 0)), said);
        }
        assert_eq!(day(Language::Spanish, Date::constant(2026, 12, 1)), "el martes primero de diciembre");
    }

    #[test]
    fn french_counts_to_24_and_calls_the_first_of_a_month_so() {
        let half_past_two = at("2026-11-24T14:30-05:00[America/New_York]");
        assert_eq!(moment(Language::French, &half_past_two), "le mardi 24 novembre à 14 heures 30");
        let noon = at("2026-11-01T12:00-05:00[America/New_York]");
        assert_eq!(moment(Language::French, &noon), "le dimanche 1er novembre à midi");
        for (hour, minute, said) in
            [(1, 0, "1 heure"), (0, 15, "0 heure 15"), (9, 5, "9 heures 05"), (12, 30, "12 heures 30")]
        {
            assert_eq!(time(Language::French, Time::constant(hour, minute, 0, 0)), said);
        }
    }

    #[test]
    fn an_amount_is_said_in_dollars_and_cents() {
        let said = |language, minor| money(language, Money::new(minor, domain::Currency::Usd));
        assert_eq!(said(Language::English, 14_070), "140 dollars and 70 cents");
        assert_eq!(said(Language::English, -101), "1 dollar and 1 cent");
        assert_eq!(said(Language::English, 0), "0 dollars");
        assert_eq!(said(Language::Spanish, 14_070), "140 dólares con 70 centavos");
        assert_eq!(said(Language::Spanish, 101), "un dólar con un centavo");
        assert_eq!(said(Language::French, 100), "un dollar");
        assert_eq!(said(Language::French, 0), "0 dollar");
        assert_eq!(said(Language::French, 2_500), "25 dollars");
        assert_eq!(said(Language::French, 99), "99 cents");
    }

    #[test]
    fn a_list_of_all_is_said_with_the_languages_own_word() {
        let names = |last: &str| ["Dr Lee".to_owned(), "Dr Osei".to_owned(), last.to_owned()];
        assert_eq!(all_of(Language::English, &names("Sam")), "Dr Lee, Dr Osei and Sam");
        assert_eq!(all_of(Language::Spanish, &names("Sam")), "Dr Lee, Dr Osei y Sam");
        assert_eq!(all_of(Language::Spanish, &names("Inés")), "Dr Lee, Dr Osei e Inés");
        assert_eq!(all_of(Language::Spanish, &names("Iona")), "Dr Lee, Dr Osei y Iona");
        assert_eq!(either(Language::Spanish, &names("Ortodoncia")), "Dr Lee, Dr Osei u Ortodoncia");
        assert_eq!(either(Language::Spanish, &names("Sam")), "Dr Lee, Dr Osei o Sam");
        assert_eq!(all_of(Language::French, &names("Sam")), "Dr Lee, Dr Osei et Sam");
        assert_eq!(all_of(Language::French, &[]), "");
    }

    #[test]
    fn what_offers_share_is_said_once() {
        let same_day = [
            offered("2026-11-24T09:00-05:00[America/New_York]", "Dr Lee"),
            offered("2026-11-24T11:30-05:00[America/New_York]", "Dr Lee"),
            offered("2026-11-24T14:00-05:00[America/New_York]", "Dr Lee"),
        ];
        assert_eq!(
            offers(Language::English, &same_day),
            "Tuesday, November 24 at 9 AM, 11:30 AM or 2 PM with Dr Lee"
        );
        assert_eq!(
            offers(Language::Spanish, &same_day.clone().map(|one| Offer { with: "Susan Lee".into(), ..one })),
            "el martes 24 de noviembre a las 9 de la mañana, a las 11:30 de la mañana o a las 2 de la tarde con Susan Lee"
        );
        assert_eq!(
            offers(Language::French, &same_day.map(|one| Offer { with: "le Dr Lee".into(), ..one })),
            "le mardi 24 novembre à 9 heures, 11 heures 30 ou 14 heures avec le Dr Lee"
        );
        let apart = [
            offered("2026-11-24T09:00-05:00[America/New_York]", "Dr Lee"),
            offered("2026-11-25T14:00-05:00[America/New_York]", "Dr Osei"),
        ];
        assert_eq!(
            offers(Language::English, &apart),
            "Tuesday, November 24 at 9 AM with Dr Lee or Wednesday, November 25 at 2 PM with Dr Osei"
        );
    }

    #[test]
    fn a_clinician_is_named_as_the_language_names_them() {
        let who = |spoken: &str, full: &str| Clinician {
            vendor_id: "1".into(),
            spoken_name: spoken.into(),
            full_name: full.into(),
            kind: domain::ClinicianKind::Provider,
            bookable: true,
        };
        for (spoken, full, [en, es, fr]) in [
            ("Dr Lee", "Susan Lee", ["Dr Lee", "Susan Lee", "le Dr Lee"]),
            ("Dr Susan Lee", "Susan Lee", ["Dr Susan Lee", "Susan Lee", "le Dr Susan Lee"]),
            ("Dr Lee", "", ["Dr Lee", "Lee", "le Dr Lee"]),
            ("Dr. Suzy", "Susan Lee", ["Dr. Suzy", "Suzy", "le Dr. Suzy"]),
            ("Dra. Núñez", "Ana Núñez", ["Dra. Núñez", "la Dra. Núñez", "la Dra. Núñez"]),
            ("Dre Roy", "Anne Roy", ["Dre Roy", "Anne Roy", "la Dre Roy"]),
            ("Sam Reyes", "Sam Reyes", ["Sam Reyes", "Sam Reyes", "Sam Reyes"]),
        ] {
            let said = Language::ALL.map(|language| person(language, &who(spoken, full)));
            assert_eq!(said, [en, es, fr], "{spoken}");
        }
    }

    #[test]
    fn an_age_is_rounded_to_what_a_person_would_say() {
        assert_eq!(age(Language::English, 0), "1 minute");
        assert_eq!(age(Language::English, 45), "45 minutes");
        assert_eq!(age(Language::English, 181), "3 hours");
        assert_eq!(age(Language::Spanish, 100), "2 horas");
        assert_eq!(age(Language::French, 181), "3 heures");
        assert_eq!(age(Language::Spanish, 1), "un minuto");
        assert_eq!(age(Language::French, 0), "une minute");
        assert_eq!(age(Language::English, 47 * 60), "47 hours");
        assert_eq!(age(Language::Spanish, 3 * 24 * 60 + 500), "3 días");
        assert_eq!(age(Language::French, 48 * 60), "2 jours");
    }
}
