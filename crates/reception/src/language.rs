use serde::Serialize;

use crate::Status;

/// A language that sentences exist in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// Spanish.
    #[serde(rename = "es")]
    Spanish,
}

impl Language {
    /// Reads a language tag such as `es`, `es-MX` or `en_US`; any other language is `None`.
    #[must_use]
    pub fn read(tag: &str) -> Option<Self> {
        match tag.trim().split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "es" => Some(Self::Spanish),
            _ => None,
        }
    }
}

/// One sentence that may be said, in every language, with `{gaps}`.
///
/// The status belongs to the sentence: a sentence that claims a booking can only ever go out as
/// `confirmed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Template {
    /// Its name in logs and in REST answers.
    pub code: &'static str,
    /// What an answer that says it means.
    pub status: Status,
    /// English.
    pub en: &'static str,
    /// Spanish.
    pub es: &'static str,
}

impl Template {
    /// The sentence with its gaps.
    #[must_use]
    pub const fn text(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::Spanish => self.es,
        }
    }

    /// The sentence as it is said. What is filled in stays on one line and is never read for gaps
    /// again.
    pub(crate) fn fill(&self, language: Language, fills: &[(&str, &str)]) -> String {
        let mut out = String::new();
        let mut rest = self.text(language);
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let (gap, tail) = after.split_once('}').unwrap_or((after, ""));
            let value = fills.iter().find(|(name, _)| *name == gap).map_or("", |(_, value)| *value);
            out.extend(
                value.chars().map(|c| if c.is_control() || "\u{2028}\u{2029}".contains(c) { ' ' } else { c }),
            );
            rest = tail;
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_tag_is_read_with_or_without_its_region() {
        assert_eq!(Language::read("es-MX"), Some(Language::Spanish));
        assert_eq!(Language::read("EN_us"), Some(Language::English));
        assert_eq!(Language::read("fr"), None);
    }

    #[test]
    fn what_is_filled_in_is_not_read_for_gaps_again() {
        let template = Template { code: "t", status: Status::Ok, en: "{a} and {b}.", es: "{b} y {a}." };
        let fills = [("a", "{b}"), ("b", "two\nlines")];
        assert_eq!(template.fill(Language::English, &fills), "{b} and two lines.");
        assert_eq!(template.fill(Language::Spanish, &fills), "two lines y {b}.");
    }
}
