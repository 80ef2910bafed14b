use domain::Window;
use jiff::Timestamp;

use crate::{Unreadable, v1};

/// A moment as protobuf writes it.
#[must_use]
pub fn proto_time(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

/// A moment as protobuf wrote it.
///
/// # Errors
/// [`Unreadable::Field`] with `field` when it is missing or out of range.
pub fn from_proto_time(
    at: Option<&prost_types::Timestamp>,
    field: &'static str,
) -> Result<Timestamp, Unreadable> {
    at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok()).ok_or(Unreadable::Field(field))
}

impl From<Window> for v1::Window {
    fn from(window: Window) -> Self {
        Self { start: Some(proto_time(window.start)), end: Some(proto_time(window.end)) }
    }
}

impl TryFrom<v1::Window> for Window {
    type Error = Unreadable;

    fn try_from(window: v1::Window) -> Result<Self, Unreadable> {
        let start = from_proto_time(window.start.as_ref(), "window.start")?;
        let end = from_proto_time(window.end.as_ref(), "window.end")?;
        Self::new(start, end).map_err(|_| Unreadable::Field("window.end"))
    }
}
