#![doc = include_str!("../README.md")]

mod carry;
mod finish;
mod moves;
mod pace;
mod reference;
mod request;
mod settle;

pub use carry::{Carrier, CarryError, Offices};
pub use moves::{Actor, allowed};
pub use pace::Pace;
pub use reference::reference;
pub use request::{COPY_MARGIN, RequestError, Requested, Wish, request};
pub use settle::{Found, SettleError, settle};
