use domain::{Freshness, PatientBook};

use crate::{Unreadable, from_proto_time, proto_time, v1};

impl From<PatientBook> for v1::PatientBook {
    fn from(book: PatientBook) -> Self {
        Self {
            time_zone: book.time_zone,
            appointments: book.appointments.into_iter().map(Into::into).collect(),
            clinicians: book.clinicians.into_iter().map(Into::into).collect(),
            copied_at: book.freshness.copied_at.map(proto_time),
            read_at: Some(proto_time(book.freshness.read_at)),
        }
    }
}

impl TryFrom<v1::PatientBook> for PatientBook {
    type Error = Unreadable;

    fn try_from(book: v1::PatientBook) -> Result<Self, Unreadable> {
        let copied_at = match &book.copied_at {
            Some(at) => Some(from_proto_time(Some(at), "patient_book.copied_at")?),
            None => None,
        };
        Ok(Self {
            time_zone: book.time_zone,
            appointments: book.appointments.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            clinicians: book.clinicians.into_iter().map(Into::into).collect(),
            freshness: Freshness {
                copied_at,
                read_at: from_proto_time(book.read_at.as_ref(), "patient_book.read_at")?,
            },
        })
    }
}
