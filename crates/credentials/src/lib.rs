#![doc = include_str!("../README.md")]

mod keeper;
mod schedule;
mod source;

pub use keeper::{KeeperSettings, KeyKeeper, RefreshError};
pub use source::ConnectionKeys;
