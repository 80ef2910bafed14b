use domain::{
    Appointment, AppointmentState, Chair, Clinician, ClinicianKind, DayBook, Freshness, OpenHours, Resource,
    ResourceKind, Window,
};

use crate::{Unreadable, from_proto_time, proto_time, v1};

fn window(window: Option<v1::Window>, field: &'static str) -> Result<Window, Unreadable> {
    window.ok_or(Unreadable::Field(field))?.try_into()
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

impl From<Clinician> for v1::Clinician {
    fn from(clinician: Clinician) -> Self {
        let kind = match clinician.kind {
            ClinicianKind::Provider => v1::ClinicianKind::Provider,
            ClinicianKind::Hygienist => v1::ClinicianKind::Hygienist,
            ClinicianKind::Other => v1::ClinicianKind::Other,
        };
        Self {
            vendor_id: clinician.vendor_id,
            spoken_name: clinician.spoken_name,
            full_name: clinician.full_name,
            kind: kind.into(),
            bookable: clinician.bookable,
        }
    }
}

impl From<v1::Clinician> for Clinician {
    fn from(clinician: v1::Clinician) -> Self {
        Self {
            kind: match clinician.kind() {
                v1::ClinicianKind::Provider => ClinicianKind::Provider,
                v1::ClinicianKind::Hygienist => ClinicianKind::Hygienist,
                v1::ClinicianKind::Other => ClinicianKind::Other,
            },
            vendor_id: clinician.vendor_id,
            spoken_name: clinician.spoken_name,
            full_name: clinician.full_name,
            bookable: clinician.bookable,
        }
    }
}

impl From<Resource> for v1::Resource {
    fn from(resource: Resource) -> Self {
        let kind = match resource.kind {
            ResourceKind::Practice => v1::ResourceKind::Practice,
            ResourceKind::Clinician => v1::ResourceKind::Clinician,
            ResourceKind::Chair => v1::ResourceKind::Chair,
        };
        Self { kind: kind.into(), vendor_id: resource.vendor_id }
    }
}

impl TryFrom<v1::Resource> for Resource {
    type Error = Unreadable;

    fn try_from(resource: v1::Resource) -> Result<Self, Unreadable> {
        let kind = match resource.kind() {
            v1::ResourceKind::Practice => ResourceKind::Practice,
            v1::ResourceKind::Clinician => ResourceKind::Clinician,
            v1::ResourceKind::Chair => ResourceKind::Chair,
            v1::ResourceKind::Unspecified => return Err(Unreadable::Field("resource.kind")),
        };
        Ok(Self { kind, vendor_id: resource.vendor_id })
    }
}

impl From<Appointment> for v1::Appointment {
    fn from(appointment: Appointment) -> Self {
        let state = match appointment.state {
            AppointmentState::Booked => v1::AppointmentState::Booked,
            AppointmentState::Cancelled => v1::AppointmentState::Cancelled,
            AppointmentState::Unknown => v1::AppointmentState::Unknown,
        };
        Self {
            vendor_id: appointment.vendor_id,
            patient: appointment.patient,
            clinician: appointment.clinician.unwrap_or_default(),
            chair: appointment.chair.unwrap_or_default(),
            window: Some(appointment.window.into()),
            state: state.into(),
        }
    }
}

impl TryFrom<v1::Appointment> for Appointment {
    type Error = Unreadable;

    fn try_from(appointment: v1::Appointment) -> Result<Self, Unreadable> {
        Ok(Self {
            state: match appointment.state() {
                v1::AppointmentState::Booked => AppointmentState::Booked,
                v1::AppointmentState::Cancelled => AppointmentState::Cancelled,
                v1::AppointmentState::Unknown => AppointmentState::Unknown,
            },
            vendor_id: appointment.vendor_id,
            patient: appointment.patient,
            clinician: filled(appointment.clinician),
            chair: filled(appointment.chair),
            window: window(appointment.window, "appointment.window")?,
        })
    }
}

impl From<DayBook> for v1::DayBook {
    fn from(book: DayBook) -> Self {
        Self {
            time_zone: book.time_zone,
            covers: Some(book.covers.into()),
            clinicians: book.clinicians.into_iter().map(Into::into).collect(),
            chairs: book
                .chairs
                .into_iter()
                .map(|chair| v1::Chair {
                    vendor_id: chair.vendor_id,
                    clinicians: chair.clinicians,
                    bookable: chair.bookable,
                })
                .collect(),
            hours: book
                .hours
                .into_iter()
                .map(|hours| v1::OpenHours {
                    resource: Some(hours.resource.into()),
                    window: Some(hours.window.into()),
                })
                .collect(),
            appointments: book.appointments.into_iter().map(Into::into).collect(),
            has_feed: book.feed.is_some(),
            feed: book
                .feed
                .into_iter()
                .flatten()
                .map(|(window, resources)| v1::FeedSlot {
                    window: Some(window.into()),
                    resources: resources.into_iter().map(Into::into).collect(),
                })
                .collect(),
            copied_at: book.freshness.copied_at.map(proto_time),
            read_at: Some(proto_time(book.freshness.read_at)),
        }
    }
}

impl TryFrom<v1::DayBook> for DayBook {
    type Error = Unreadable;

    fn try_from(book: v1::DayBook) -> Result<Self, Unreadable> {
        let copied_at = match &book.copied_at {
            Some(at) => Some(from_proto_time(Some(at), "day_book.copied_at")?),
            None => None,
        };
        let feed = book.feed.into_iter().map(feed_slot).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            time_zone: book.time_zone,
            covers: window(book.covers, "day_book.covers")?,
            clinicians: book.clinicians.into_iter().map(Into::into).collect(),
            chairs: book
                .chairs
                .into_iter()
                .map(|chair| Chair {
                    vendor_id: chair.vendor_id,
                    clinicians: chair.clinicians,
                    bookable: chair.bookable,
                })
                .collect(),
            hours: book.hours.into_iter().map(open_hours).collect::<Result<_, _>>()?,
            appointments: book.appointments.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            feed: book.has_feed.then_some(feed),
            freshness: Freshness {
                copied_at,
                read_at: from_proto_time(book.read_at.as_ref(), "day_book.read_at")?,
            },
        })
    }
}

fn open_hours(hours: v1::OpenHours) -> Result<OpenHours, Unreadable> {
    Ok(OpenHours {
        resource: hours.resource.ok_or(Unreadable::Field("hours.resource"))?.try_into()?,
        window: window(hours.window, "hours.window")?,
    })
}

fn feed_slot(slot: v1::FeedSlot) -> Result<(Window, Vec<Resource>), Unreadable> {
    let resources = slot.resources.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
    Ok((window(slot.window, "feed.window")?, resources))
}
