//! Days, times and lists as they are said aloud.

use jiff::Zoned;
use jiff::civil::{Date, Time, Weekday};

use crate::Language;

/// A day: `Tuesday, November 24`.
pub(crate) fn day(language: Language, date: Date) -> String {
    let month = usize::from(date.month().unsigned_abs()).saturating_sub(1);
    match language {
        Language::English => {
            format!("{}, {} {}", english_day(date.weekday()), ENGLISH_MONTHS[month % 12], date.day())
        }
        Language::Spanish => {
            format!("el {} {} de {}", spanish_day(date.weekday()), date.day(), SPANISH_MONTHS[month % 12])
        }
    }
}

/// A time of day: `2:30 PM`, `las 2:30 de la tarde`.
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
                (0..=11, _) => "de la mañana",
                (12..=19, _) => "de la tarde",
                _ => "de la noche",
            };
            format!("{} {clock} {part}", if hour == 1 { "la" } else { "las" })
        }
    }
}

/// A day and a time: `Tuesday, November 24 at 2:30 PM`.
pub(crate) fn moment(language: Language, at: &Zoned) -> String {
    let (day, time) = (day(language, at.date()), time(language, at.time()));
    match language {
        Language::English => format!("{day} at {time}"),
        Language::Spanish => format!("{day} a {time}"),
    }
}

/// How long ago something was, roughly: `about 3 hours`.
pub(crate) fn age(language: Language, minutes: i64) -> String {
    let minutes = minutes.max(1);
    let (count, one, many) = match (language, minutes) {
        (Language::English, 0..90) => (minutes, "minute", "minutes"),
        (Language::English, _) => ((minutes + 30) / 60, "hour", "hours"),
        (Language::Spanish, 0..90) => (minutes, "minuto", "minutos"),
        (Language::Spanish, _) => ((minutes + 30) / 60, "hora", "horas"),
    };
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `a, b or c`.
pub(crate) fn either(language: Language, items: &[String]) -> String {
    let or = match language {
        Language::English => "or",
        Language::Spanish => "o",
    };
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {or} {last}", first.join(", ")),
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
                (true, Language::English) => time(language, offer.at.time()),
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
        assert_eq!(time(Language::Spanish, Time::constant(12, 0, 0, 0)), "las 12 del mediodía");
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
            offers(Language::Spanish, &same_day),
            "el martes 24 de noviembre a las 9 de la mañana, a las 11:30 de la mañana o a las 2 de la tarde con Dr Lee"
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
    fn an_age_is_rounded_to_what_a_person_would_say() {
        assert_eq!(age(Language::English, 0), "1 minute");
        assert_eq!(age(Language::English, 45), "45 minutes");
        assert_eq!(age(Language::English, 181), "3 hours");
        assert_eq!(age(Language::Spanish, 100), "2 horas");
    }
}
