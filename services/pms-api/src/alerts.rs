//! Alerts as people and programs get to read them. Nothing here names a patient (P8): an alert is made of counts,
//! times, and the names of tenants and practices.

mod mail;
mod words;

pub(crate) use mail::{Mailer, shown};
pub(crate) use words::happened;
