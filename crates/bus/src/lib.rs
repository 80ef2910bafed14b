#![doc = include_str!("../README.md")]

mod acks;
mod bus;
mod config;
mod consume;
mod counts;
mod declare;
mod error;
mod intake;
mod lanes;
mod letter;
mod line;
mod postman;
mod returned;
mod rpc;
mod subscribe;
pub mod topology;
mod wire;

pub use bus::Bus;
pub use config::BusConfig;
pub use consume::{ConsumeOptions, Outcome};
pub use declare::Depth;
pub use error::{AskError, BusError, PublishError};
pub use letter::{Letter, Origin};
pub use topology::{Delay, Exchange, Topology};
