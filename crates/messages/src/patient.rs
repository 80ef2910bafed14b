use domain::{Patient, PersonName, Phone, Sensitive};
use jiff::civil::Date;

use crate::{Unreadable, v1};

impl From<Phone> for v1::Phone {
    fn from(phone: Phone) -> Self {
        Self { e164: phone.e164.into_inner(), as_received: phone.as_received.into_inner() }
    }
}

impl From<v1::Phone> for Phone {
    fn from(phone: v1::Phone) -> Self {
        Self { e164: phone.e164.into(), as_received: phone.as_received.into() }
    }
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

impl From<Patient> for v1::Patient {
    fn from(patient: Patient) -> Self {
        Self {
            vendor_id: patient.vendor_id,
            first_name: patient.name.first.into_inner(),
            last_name: patient.name.last.into_inner(),
            born: patient.born.map(|born| born.expose().to_string()).unwrap_or_default(),
            phones: patient.phones.into_iter().map(Into::into).collect(),
            email: patient.email.map(Sensitive::into_inner).unwrap_or_default(),
            usual_clinician: patient.usual_clinician.unwrap_or_default(),
            active: patient.active,
            preferred_name: patient.preferred.map(Sensitive::into_inner).unwrap_or_default(),
        }
    }
}

impl TryFrom<v1::Patient> for Patient {
    type Error = Unreadable;

    fn try_from(patient: v1::Patient) -> Result<Self, Unreadable> {
        let born = filled(patient.born)
            .map(|text| text.parse::<Date>().map_err(|_| Unreadable::Field("patient.born")))
            .transpose()?;
        Ok(Self {
            vendor_id: filled(patient.vendor_id).ok_or(Unreadable::Field("patient.vendor_id"))?,
            name: PersonName { first: patient.first_name.into(), last: patient.last_name.into() },
            preferred: filled(patient.preferred_name).map(Sensitive::new),
            born: born.map(Sensitive::new),
            phones: patient.phones.into_iter().map(Into::into).collect(),
            email: filled(patient.email).map(Sensitive::new),
            usual_clinician: filled(patient.usual_clinician),
            active: patient.active,
        })
    }
}
