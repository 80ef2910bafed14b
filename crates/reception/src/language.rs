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
    /// French, as it is spoken in Canada and understood everywhere.
    #[serde(rename = "fr")]
    French,
}

impl Language {
    /// Every language there is.
    pub const ALL: [Self; 3] = [Self::English, Self::Spanish, Self::French];

    /// Reads a language tag such as `es`, `fr-CA` or `en_US`, or the first of a list as browsers send it; any other
    /// language is `None`.
    #[must_use]
    pub fn read(tag: &str) -> Option<Self> {
        match tag.trim().split(['-', '_', ',', ';']).next().unwrap_or_default().to_ascii_lowercase().as_str()
        {
            "en" => Some(Self::English),
            "es" => Some(Self::Spanish),
            "fr" => Some(Self::French),
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
    /// French.
    pub fr: &'static str,
}

impl Template {
    /// The sentence with its gaps.
    #[must_use]
    pub const fn text(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::Spanish => self.es,
            Language::French => self.fr,
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
            let value = fills.iter().find(|(name, _)| *name == gap).map(|(_, value)| *value);
            debug_assert!(value.is_some(), "{}: nothing fills {gap}", self.code);
            let value = value.unwrap_or_default();
            let value = after_de(language, &mut out, value);
            out.extend(
                value.chars().map(|c| if c.is_control() || "\u{2028}\u{2029}".contains(c) { ' ' } else { c }),
            );
            rest = tail;
        }
        out.push_str(rest);
        out
    }
}

/// What comes after `de`, which French and Spanish run together with it: `d'Anna`, `du mardi`, `del martes`.
fn after_de<'v>(language: Language, out: &mut String, value: &'v str) -> &'v str {
    if !out.ends_with(" de ") {
        return value;
    }
    let (end, rest) = match language {
        Language::French if value.starts_with(is_vowel) => ("d'", Some(value)),
        Language::French => ("du ", value.strip_prefix("le ")),
        Language::Spanish => ("del ", value.strip_prefix("el ")),
        Language::English => return value,
    };
    let Some(rest) = rest else { return value };
    out.truncate(out.len() - 3);
    out.push_str(end);
    rest
}

/// French drops the end of `de` before it.
fn is_vowel(c: char) -> bool {
    "aeiouàâäéèêëîïôöùûüáíóúãõœæ".contains(c.to_lowercase().next().unwrap_or(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_tag_is_read_with_or_without_its_region() {
        assert_eq!(Language::read("es-MX"), Some(Language::Spanish));
        assert_eq!(Language::read("EN_us"), Some(Language::English));
        assert_eq!(Language::read("fr-CA"), Some(Language::French));
        assert_eq!(Language::read("es,en;q=0.9"), Some(Language::Spanish));
        assert_eq!(Language::read("fr;q=1, en"), Some(Language::French));
        assert_eq!(Language::read("de"), None);
    }

    #[test]
    fn french_drops_the_end_of_de_before_a_vowel_and_nowhere_else() {
        let template = Template {
            code: "t",
            status: Status::Ok,
            en: "{a}",
            es: "{a}",
            fr: "Le dossier de {a} est de {b}.",
        };
        let said = |name: &str| template.fill(Language::French, &[("a", name), ("b", "11 dollars")]);
        assert_eq!(said("Anna"), "Le dossier d'Anna est de 11 dollars.");
        assert_eq!(said("Élodie"), "Le dossier d'Élodie est de 11 dollars.");
        assert_eq!(said("Maria"), "Le dossier de Maria est de 11 dollars.");
    }

    #[test]
    fn a_day_runs_together_with_the_de_before_it() {
        let template = Template {
            code: "t",
            status: Status::Ok,
            en: "{a}",
            es: "La cita de {a}, la de {b}.",
            fr: "Le rendez-vous de {a}, celui de {b}.",
        };
        let said = |language, day: &str| template.fill(language, &[("a", day), ("b", "Leo")]);
        assert_eq!(said(Language::Spanish, "el martes 24"), "La cita del martes 24, la de Leo.");
        assert_eq!(said(Language::French, "le mardi 24"), "Le rendez-vous du mardi 24, celui de Leo.");
        assert_eq!(said(Language::Spanish, "El Amin"), "La cita de El Amin, la de Leo.");
    }

    #[test]
    fn what_is_filled_in_is_not_read_for_gaps_again() {
        let template = Template {
            code: "t",
            status: Status::Ok,
            en: "{a} and {b}.",
            es: "{b} y {a}.",
            fr: "{b} et {a}.",
        };
        let fills = [("a", "{b}"), ("b", "two\nlines")];
        assert_eq!(template.fill(Language::English, &fills), "{b} and two lines.");
        assert_eq!(template.fill(Language::Spanish, &fills), "two lines y {b}.");
        assert_eq!(template.fill(Language::French, &fills), "two lines et {b}.");
    }
}
