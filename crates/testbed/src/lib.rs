#![doc = include_str!("../README.md")]

mod aside;
mod clinic;
mod database;
mod http;
mod names;
mod poll;
mod process;
mod proxy;
mod sandbox;
mod settings;
mod stack;
mod vhost;

pub use clinic::{Clinic, Newcomer};
pub use database::Database;
pub use http::{Answer, Http};
pub use poll::until;
pub use process::{Process, free_port};
pub use proxy::Proxy;
pub use sandbox::Sandbox;
pub use stack::{Door, Member, Plan, Stack};
pub use tokio_postgres::Client;
pub use vhost::Vhost;
