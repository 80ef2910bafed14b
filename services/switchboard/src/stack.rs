//! A whole Switchboard on this machine: servers, services, sandbox.

mod child;
mod ports;
mod servers;
mod services;

pub(crate) use child::Child;
pub(crate) use ports::free_port;
pub(crate) use servers::{Server, Servers, encryption_key};
pub(crate) use services::{Fleet, FleetPlan, issuer, wait_ready};
