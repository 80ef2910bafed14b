use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use serde_json::Value;

/// A scalar: the vendor writes text, and now and then a number, a boolean or nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(String);

impl Text {
    /// The absent value.
    pub(crate) const EMPTY: Self = Self(String::new());

    /// As written, without the space around it.
    pub(crate) fn str(&self) -> &str {
        self.0.trim()
    }

    /// The text, where there is one.
    pub(crate) fn filled(&self) -> Option<&str> {
        Some(self.str()).filter(|text| !text.is_empty())
    }

    /// The text, given away.
    pub(crate) fn into_string(self) -> String {
        if self.0.len() == self.str().len() { self.0 } else { self.str().to_owned() }
    }

    /// `True`, `true`, `T`, `1` and their opposites; `None` for anything else, `""` among it.
    pub(crate) fn flag(&self) -> Option<bool> {
        match self.str().to_ascii_lowercase().as_str() {
            "true" | "t" | "1" | "yes" | "y" => Some(true),
            "false" | "f" | "0" | "no" | "n" => Some(false),
            _ => None,
        }
    }

    /// The whole number it begins with: `85603 second(s)`.
    pub(crate) fn leading_number(&self) -> Option<i64> {
        let text = self.str();
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text.get(..end)?.parse().ok()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar).map(Self)
    }
}

struct Scalar;

impl Visitor<'_> for Scalar {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, a boolean or null")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<String, E> {
        Ok(if flag { "true" } else { "false" }.to_owned())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_unit<E: Error>(self) -> Result<String, E> {
        Ok(String::new())
    }
}

/// A request as the vendor echoes it: text that holds JSON, or the JSON itself. It holds a key and a patient.
#[derive(Clone, Default)]
pub(crate) struct Echo(Value);

impl<'de> Deserialize<'de> for Echo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self)
    }
}

impl Echo {
    /// Whether `word` (letters and digits) stands anywhere in it, readable as JSON or not.
    pub(crate) fn mentions(&self, word: &str) -> bool {
        mentions(&self.0, word)
    }

    /// The body that was sent: the first object with a `practice_id`, however deep it is wrapped.
    pub(crate) fn body<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        let body = unwrapped(&self.0, 4)?;
        serde_json::from_value(body).ok()
    }
}

fn mentions(value: &Value, word: &str) -> bool {
    match value {
        Value::String(text) => text.contains(word),
        Value::Object(fields) => fields.values().any(|inner| mentions(inner, word)),
        Value::Array(items) => items.iter().any(|inner| mentions(inner, word)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn unwrapped(value: &Value, depth: u8) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::Object(fields) if fields.contains_key("practice_id") => Some(value.clone()),
        Value::Object(fields) => fields.values().find_map(|inner| unwrapped(inner, depth)),
        Value::Array(items) => items.iter().find_map(|inner| unwrapped(inner, depth)),
        Value::String(text) => {
            serde_json::from_str(text).ok().and_then(|inner: Value| unwrapped(&inner, depth))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Text {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_scalar_reads_as_text_whatever_its_json_type() {
        for (json, read) in
            [("\" 7 \"", "7"), ("7", "7"), ("-1", "-1"), ("0.5", "0.5"), ("true", "true"), ("null", "")]
        {
            assert_eq!(text(json).str(), read);
        }
        assert!(serde_json::from_str::<Text>("[]").is_err());
    }

    #[test]
    fn a_flag_knows_the_vendors_spellings_and_takes_nothing_else_for_an_answer() {
        for word in ["True", "true", "T", "1"] {
            assert_eq!(Text::from(word).flag(), Some(true), "{word}");
        }
        for word in ["False", "false", "F", "0"] {
            assert_eq!(Text::from(word).flag(), Some(false), "{word}");
        }
        for word in ["", "N/A", "maybe"] {
            assert_eq!(Text::from(word).flag(), None, "{word}");
        }
    }

    #[test]
    fn a_life_time_is_the_number_in_front() {
        assert_eq!(Text::from("85603 second(s)").leading_number(), Some(85_603));
        assert_eq!(Text::from("soon").leading_number(), None);
        assert_eq!(Text::from("").leading_number(), None);
    }

    #[test]
    fn an_echoed_body_is_found_however_deep_it_is_wrapped() {
        #[derive(Deserialize)]
        struct Sent {
            lastname: Text,
        }
        let body = r#"{"practice_id":"1","lastname":"Rivera"}"#;
        let wrapped = serde_json::json!({ "request_key": "x", "body": body }).to_string();
        for echo in [body.to_owned(), wrapped, serde_json::json!(body).to_string()] {
            let echo: Echo = serde_json::from_str(&echo).unwrap();
            assert_eq!(echo.body::<Sent>().unwrap().lastname.str(), "Rivera");
        }
        assert!(serde_json::from_str::<Echo>("\"GET\"").unwrap().body::<Sent>().is_none());
    }
}
