#![doc = include_str!("../README.md")]

mod aside;
mod database;
mod names;
mod poll;
mod process;
mod proxy;
mod settings;
mod vhost;

pub use database::Database;
pub use poll::until;
pub use process::{Process, free_port};
pub use proxy::Proxy;
pub use vhost::Vhost;
