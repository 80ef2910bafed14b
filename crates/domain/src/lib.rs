#![doc = include_str!("../README.md")]

mod access;
mod account;
mod alert;
mod appointment;
pub mod card_number;
mod ids;
mod money;
mod patient;
mod phone;
mod practice;
mod sensitive;
mod text;
mod tool;
mod window;
mod writeback;

pub use access::{Permission, PermissionSet, Role, UnknownWord};
pub use account::{AppointmentType, Balance, Insurance, InsuranceRank};
pub use alert::AlertKind;
pub use appointment::{Appointment, AppointmentState, DayBook, Freshness, PatientBook};
pub use ids::{
    AlertDeliveryId, AlertDestinationId, AlertId, ApiKeyId, CallLogId, ConnectionId, HoldId, Id, IdError,
    Kind, PracticeId, TenantId, UserId, WebhookEventId, WritebackId,
};
pub use money::{Currency, Money, PaymentMethod, UnknownCurrency};
pub use patient::{Patient, PersonName};
pub use phone::{Phone, PhoneError};
pub use practice::{Chair, Clinician, ClinicianKind, OpenHours, Resource, ResourceKind};
pub use sensitive::Sensitive;
pub use text::{TextError, clean_line, words};
pub use tool::tool_name;
pub use window::{Window, WindowError};
pub use writeback::{UnknownState, WritebackState};
