//! Arguments as they come from a model or a client, read against the tool's own schema.

use std::fmt;

use domain::{Phone, PhoneError, TextError, clean_line};
use jiff::civil::{Date, Time};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::sentences::input as said;
use crate::{Desk, Language, Template};

/// An argument that cannot be taken: the same for every door. A voice agent gets the sentence, a REST
/// client a 422 with the path.
#[derive(Clone, PartialEq, Eq)]
pub struct BadInput {
    /// The field: `dateOfBirth`; empty when the arguments as a whole are meant.
    pub path: String,
    /// What the field must be.
    pub rule: String,
    /// Which rule it breaks: `not_a_date`.
    pub code: &'static str,
    /// What the agent may say.
    pub say: String,
}

impl fmt::Debug for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at `{}`: {}", self.code, self.path, self.rule)
    }
}

impl BadInput {
    pub(crate) fn new(desk: &Desk, path: &str, template: &Template, rule: impl Into<String>) -> Self {
        Self::in_language(desk.language, path, template, rule)
    }

    fn in_language(language: Language, path: &str, template: &Template, rule: impl Into<String>) -> Self {
        let thing = said::thing(path, language);
        Self {
            path: path.to_owned(),
            rule: rule.into(),
            code: template.code,
            say: template.fill(language, &[("thing", thing)]),
        }
    }
}

/// Reads the arguments into the type the schema was made from. Fields that the schema does not have
/// are ignored; `null` counts as not given, and so does an empty text in a field that may be left
/// out and is not part of anybody's identity.
pub(crate) fn read<T: DeserializeOwned>(
    schema: &Value,
    given: &Value,
    language: Language,
) -> Result<T, BadInput> {
    let bad = |path: &str, template, rule: &str| BadInput::in_language(language, path, template, rule);
    let empty = Map::new();
    let given = match given {
        Value::Object(given) => given,
        Value::Null => &empty,
        _ => return Err(bad("", &said::NOT_UNDERSTOOD, "must be an object")),
    };
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut read = Map::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let needed = required.contains(&name.as_str());
        let value = given.get(name).filter(|value| !value.is_null());
        let Some(value) = value else {
            if needed {
                return Err(bad(name, &said::MISSING, "is required"));
            }
            continue;
        };
        let value = match property["type"].as_str() {
            Some("integer") => whole_number(value).map(Value::from),
            _ => value.as_str().map(Value::from),
        };
        let Some(mut value) = value else {
            return Err(bad(name, &said::WRONG_TYPE, &must_be(property)));
        };
        if let Some(text) = value.as_str() {
            if text.trim().is_empty() && !needed && property["minLength"].is_null() {
                continue;
            }
            let most = property["maxLength"].as_u64().and_then(|most| usize::try_from(most).ok());
            let line = clean_line(text, most.unwrap_or(80)).map_err(|error| {
                let template = match error {
                    TextError::Empty => &said::EMPTY,
                    TextError::TooLong(_) => &said::TOO_LONG,
                    TextError::Control => &said::CONTROL,
                };
                bad(name, template, &error.to_string())
            })?;
            if let Some(choices) = property["enum"].as_array()
                && !choices.iter().any(|choice| choice.as_str() == Some(&line))
            {
                return Err(bad(name, &said::NOT_A_CHOICE, &format!("must be one of {}", listed(choices))));
            }
            value = Value::from(line);
        }
        if let Some(number) = value.as_i64() {
            let (least, most) = (property["minimum"].as_i64(), property["maximum"].as_i64());
            if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
                return Err(bad(name, &said::OUT_OF_RANGE, &must_be(property)));
            }
        }
        read.insert(name.clone(), value);
    }
    serde_json::from_value(Value::Object(read))
        .map_err(|_| bad("", &said::NOT_UNDERSTOOD, "must be as the tool's schema says"))
}

/// A whole number, also when it comes as text, as in a query string.
fn whole_number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
}

fn listed(choices: &[Value]) -> String {
    choices.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

fn must_be(property: &Value) -> String {
    if property["type"] == "integer" {
        match (property["minimum"].as_i64(), property["maximum"].as_i64()) {
            (Some(least), Some(most)) => format!("must be a whole number from {least} to {most}"),
            _ => "must be a whole number".to_owned(),
        }
    } else {
        "must be text".to_owned()
    }
}

/// `YYYY-MM-DD`, and a day that exists.
pub(crate) fn date(desk: &Desk, path: &str, text: &str) -> Result<Date, BadInput> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    shape.then(|| text.parse().ok()).flatten().ok_or_else(|| {
        BadInput::new(desk, path, &said::NOT_A_DATE, "must be a date that exists, as YYYY-MM-DD")
    })
}

/// `HH:MM` on a 24-hour clock.
pub(crate) fn clock(desk: &Desk, path: &str, text: &str) -> Result<Time, BadInput> {
    let parts =
        text.split_once(':').filter(|(hour, minute)| (1..=2).contains(&hour.len()) && minute.len() == 2);
    let time =
        parts.and_then(|(hour, minute)| Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok());
    time.ok_or_else(|| BadInput::new(desk, path, &said::NOT_A_TIME, "must be a time of day, as HH:MM"))
}

/// A date somebody now alive was born on.
pub(crate) fn born(desk: &Desk, path: &str, text: &str) -> Result<Date, BadInput> {
    let date = date(desk, path, text)?;
    let today = desk.zone.to_datetime(desk.now).date();
    if date > today {
        return Err(BadInput::new(desk, path, &said::BORN_LATER, "must not be in the future"));
    }
    if i32::from(date.year()) < i32::from(today.year()) - 130 {
        return Err(BadInput::new(desk, path, &said::NOT_A_DATE, "must be less than 130 years ago"));
    }
    Ok(date)
}

/// A phone number, of the practice's country where it names none.
pub(crate) fn phone(desk: &Desk, path: &str, text: &str) -> Result<Phone, BadInput> {
    Phone::read(text, &desk.country).map_err(|error| {
        let template = match error {
            PhoneError::Characters | PhoneError::Length => &said::NOT_A_PHONE,
        };
        BadInput::new(desk, path, template, error.to_string())
    })
}

/// A person's name: some letter in it, and nothing no name has.
pub(crate) fn name(desk: &Desk, path: &str, text: String) -> Result<String, BadInput> {
    let odd = |c: char| c.is_ascii_punctuation() && !"'-.,()".contains(c);
    if text.chars().any(char::is_alphabetic) && !text.chars().any(odd) {
        Ok(text)
    } else {
        Err(BadInput::new(desk, path, &said::NOT_A_NAME, "must be a name, with letters"))
    }
}

/// An e-mail address, as far as that can be told without writing to it.
pub(crate) fn email(desk: &Desk, path: &str, text: String) -> Result<String, BadInput> {
    let sound = text.split_once('@').is_some_and(|(who, host)| {
        !who.is_empty()
            && host.split('.').count() > 1
            && host.split('.').all(|part| !part.is_empty())
            && !text.contains(char::is_whitespace)
            && text.matches('@').count() == 1
    });
    if sound {
        Ok(text)
    } else {
        Err(BadInput::new(desk, path, &said::NOT_AN_EMAIL, "must be an e-mail address"))
    }
}
