#![doc = include_str!("../README.md")]

mod app;
mod background;
mod base;
mod error;
mod events;
mod http;
mod readiness;
mod relay;
mod run;
pub mod settings;
mod topology;

pub use app::{App, Start};
pub use background::{Background, TaskReport};
pub use base::Base;
pub use error::{ApiError, Code, ErrorBody, ErrorObject, FieldError, Json, Path, Query};
pub use events::event_outcome;
pub use http::RequestId;
pub use readiness::{CheckReport, Readiness};
pub use relay::Relay;
pub use run::{Running, main, start};
pub use topology::TopologyKeeper;
