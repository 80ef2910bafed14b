use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A currency by its three letters of ISO 4217, whose units have a hundred parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Currency {
    /// Australian dollar.
    Aud,
    /// Canadian dollar.
    Cad,
    /// New Zealand dollar.
    Nzd,
    /// United States dollar.
    Usd,
}

/// Text that is not the code of a currency we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be AUD, CAD, NZD or USD")]
pub struct UnknownCurrency;

impl Currency {
    const ALL: [Self; 4] = [Self::Aud, Self::Cad, Self::Nzd, Self::Usd];

    /// Its three letters.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Aud => "AUD",
            Self::Cad => "CAD",
            Self::Nzd => "NZD",
            Self::Usd => "USD",
        }
    }

    /// What is paid with in a country of two letters; `None` for one we know nothing of.
    #[must_use]
    pub fn of_country(country: &str) -> Option<Self> {
        match country.to_ascii_uppercase().as_str() {
            "AU" => Some(Self::Aud),
            "CA" => Some(Self::Cad),
            "NZ" => Some(Self::Nzd),
            "US" => Some(Self::Usd),
            _ => None,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(text: &str) -> Result<Self, UnknownCurrency> {
        Self::ALL.into_iter().find(|one| one.code().eq_ignore_ascii_case(text)).ok_or(UnknownCurrency)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How a payment was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// With a card.
    Card,
    /// In cash.
    Cash,
    /// With a cheque.
    Cheque,
    /// From an account.
    Transfer,
}

impl PaymentMethod {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Card, Self::Cash, Self::Cheque, Self::Transfer];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Cash => "cash",
            Self::Cheque => "cheque",
            Self::Transfer => "transfer",
        }
    }

    /// The one a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }
}

/// An amount in whole hundredths of a currency's unit. It is never a fraction in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Hundredths: cents. Below zero is the other way round.
    pub minor: i64,
    /// Of what.
    pub currency: Currency,
}

impl Money {
    /// `minor` hundredths of `currency`.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Reads a decimal as systems write one: `228.00`, `24.0000`, `-39.30`, `0`. An amount that is not a whole
    /// number of hundredths is none.
    #[must_use]
    pub fn read(text: &str, currency: Currency) -> Option<Self> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, parts) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && parts.is_empty()) || !is_number(whole) || !is_number(parts) {
            return None;
        }
        let (cents, rest) = parts.split_at(parts.len().min(2));
        if rest.bytes().any(|byte| byte != b'0') {
            return None;
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let cents: i64 = format!("{cents:0<2}").parse().ok()?;
        let minor = whole.checked_mul(100)?.checked_add(cents)?;
        Some(Self { minor: if negative { -minor } else { minor }, currency })
    }

    /// As systems write it: `-39.30`.
    #[must_use]
    pub fn decimal(self) -> String {
        let sign = if self.minor < 0 { "-" } else { "" };
        let size = self.minor.unsigned_abs();
        format!("{sign}{}.{:02}", size / 100, size % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_reads_however_many_zeros_stand_behind_it() {
        for (text, minor) in [
            ("24.0000", 2_400),
            ("228.00", 22_800),
            ("0", 0),
            ("-39.30", -3_930),
            ("-0.5", -50),
            (".75", 75),
            ("12.", 1_200),
            (" 7 ", 700),
        ] {
            assert_eq!(Money::read(text, Currency::Usd).map(|money| money.minor), Some(minor), "{text}");
        }
    }

    #[test]
    fn what_is_no_whole_number_of_hundredths_is_no_amount() {
        for text in ["", "-", ".", "N/A", "1,200.00", "12.345", "$5", "1e3", "--1", "99999999999999999999"] {
            assert_eq!(Money::read(text, Currency::Usd), None, "{text}");
        }
    }

    #[test]
    fn an_amount_is_written_with_both_of_its_hundredths() {
        for (minor, text) in
            [(-3_930, "-39.30"), (5, "0.05"), (-5, "-0.05"), (120_000, "1200.00"), (0, "0.00")]
        {
            assert_eq!(Money::new(minor, Currency::Cad).decimal(), text);
        }
    }

    #[test]
    fn a_currency_is_its_code_and_an_unknown_one_is_refused() {
        for currency in Currency::ALL {
            assert_eq!(currency.code().parse(), Ok(currency));
        }
        assert_eq!("usd".parse(), Ok(Currency::Usd));
        assert_eq!("EUR".parse::<Currency>(), Err(UnknownCurrency));
        assert_eq!(Currency::of_country("ca"), Some(Currency::Cad));
        assert_eq!(Currency::of_country("FR"), None);
    }
}
