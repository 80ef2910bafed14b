use serde::{Deserialize, Serialize};

use crate::Sensitive;

/// A phone number: E.164 plus the text as received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// `+` and up to 15 digits.
    pub e164: Sensitive<String>,
    /// What the person or the vendor wrote.
    pub as_received: Sensitive<String>,
}

/// Why a text is not a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// It holds something that no phone number holds.
    #[error("must hold only digits, spaces, and + ( ) - . /")]
    Characters,
    /// It has too few or too many digits.
    #[error("must have 7 to 15 digits")]
    Length,
}

impl Phone {
    /// Reads a number as people and vendors write it; one without a country is of `country`
    /// (two letters, such as `US`).
    ///
    /// An extension behind it (`ext 4`, `x204`, `#3`) is no part of it: the line is the same.
    ///
    /// Test ranges such as 555-01xx count: a number is read, not looked up.
    ///
    /// # Errors
    /// [`PhoneError`].
    pub fn read(text: &str, country: &str) -> Result<Self, PhoneError> {
        let trimmed = without_extension(text.trim(), country);
        if !trimmed.chars().all(|c| c.is_ascii_digit() || " +()-./\u{a0}".contains(c)) {
            return Err(PhoneError::Characters);
        }
        let digits = trimmed.chars().filter(char::is_ascii_digit).count();
        if !(7..=15).contains(&digits) {
            return Err(PhoneError::Length);
        }
        let country = country.parse().unwrap_or(phonenumber::country::Id::US);
        let number = phonenumber::parse(Some(country), trimmed).map_err(|_| PhoneError::Length)?;
        Ok(Self {
            e164: number.format().mode(phonenumber::Mode::E164).to_string().into(),
            as_received: text.into(),
        })
    }

    /// The national digits, the form a practice's system is most often searched by.
    #[must_use]
    pub fn national_digits(&self) -> Sensitive<String> {
        let national = phonenumber::parse(None, self.e164.expose()).map_or_else(
            |_| self.e164.expose().trim_start_matches('+').to_owned(),
            |number| number.national().value().to_string(),
        );
        national.into()
    }

    /// Whether two numbers ring the same phone.
    #[must_use]
    pub fn same_line(&self, other: &Self) -> bool {
        self.e164 == other.e164
    }
}

/// The number before an extension. Where numbers have ten digits, a few more behind a hyphen are one as well.
fn without_extension<'t>(text: &'t str, country: &str) -> &'t str {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    if let Some((front, mark)) =
        text.find(|c: char| c.is_alphabetic() || "#;,".contains(c)).map(|at| text.split_at(at))
    {
        let mark = mark.trim_start_matches([' ', ';', ',']).to_ascii_lowercase();
        let known = ["extension", "extn", "ext", "ex", "x", "#"].into_iter();
        let mut rest = known.filter_map(|word| mark.strip_prefix(word));
        let is_extension = rest.next().is_some_and(|rest| {
            let number = rest.trim_start_matches([' ', '.', ':', '=', '#']);
            (1..=7).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        return if is_extension { front } else { text };
    }
    match text.rsplit_once('-') {
        Some((front, rest))
            if ["US", "CA"].contains(&country)
                && (1..=6).contains(&rest.trim().len())
                && rest.trim().bytes().all(|byte| byte.is_ascii_digit())
                && (digits(front) == 10
                    || (digits(front) == 11 && front.trim_start_matches('+').starts_with('1'))) =>
        {
            front
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_one_number_is_the_same_line() {
        let known = Phone::read("+15550100010", "US").unwrap();
        for text in ["5550100010", "(555) 010-0010", "555.010.0010", "1 555 010 0010", "(555)0100010"] {
            assert!(Phone::read(text, "US").unwrap().same_line(&known), "{text}");
        }
        assert_eq!(known.national_digits().expose(), "5550100010");
    }

    #[test]
    fn an_extension_is_no_part_of_the_line() {
        let known = Phone::read("+15550100010", "US").unwrap();
        for text in [
            "555.010.0010 ext 4",
            "(555) 010-0010 x204",
            "555-010-0010 #3",
            "5550100010 Ext. 12",
            "+1 555 010 0010;ext=7",
            "555 010 0010, extension 9",
            "5550100010-204",
            "1-555-010-0010-204",
        ] {
            let read = Phone::read(text, "US").unwrap();
            assert!(read.same_line(&known), "{text}: {read:?}");
            assert_eq!(read.as_received.expose(), text);
        }
        for text in
            ["5550100010 or 5550100011", "555-CALL-NOW", "5550100010 ext four", "x204", "5550100010 home"]
        {
            assert!(Phone::read(text, "US").is_err(), "{text}");
        }
        let sydney = Phone::read("+61 2 5550 1234", "AU").unwrap();
        assert!(Phone::read("02 5550 1234 ext 5", "AU").unwrap().same_line(&sydney));
    }

    #[test]
    fn letters_and_short_numbers_are_refused_by_their_rule() {
        assert_eq!(Phone::read("555-CALL-NOW", "US"), Err(PhoneError::Characters));
        assert_eq!(Phone::read("123", "US"), Err(PhoneError::Length));
        assert_eq!(Phone::read("", "US"), Err(PhoneError::Length));
    }
}
