use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Phone, Sensitive};

/// A person's name, as the practice writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonName {
    /// Given name.
    pub first: Sensitive<String>,
    /// Family name.
    pub last: Sensitive<String>,
}

impl PersonName {
    /// Given and family name with a space between.
    #[must_use]
    pub fn full(&self) -> Sensitive<String> {
        format!("{} {}", self.first.expose(), self.last.expose()).trim().to_owned().into()
    }
}

/// A patient as the practice's system knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patient {
    /// The vendor's id.
    pub vendor_id: String,
    /// Their name.
    pub name: PersonName,
    /// What they are called instead of their given name, where the practice has it.
    #[serde(default)]
    pub preferred: Option<Sensitive<String>>,
    /// Date of birth, where the practice has it.
    pub born: Option<Sensitive<Date>>,
    /// Every number the practice has for them, whatever field it sits in.
    pub phones: Vec<Phone>,
    /// E-mail, where the practice has it.
    pub email: Option<Sensitive<String>>,
    /// The clinician they usually see, by the vendor's id.
    pub usual_clinician: Option<String>,
    /// Whether the practice still counts them as a patient.
    pub active: bool,
}
