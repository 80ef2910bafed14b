//! The bus against a real broker, each test on a virtual host of its own.

mod consuming;
mod news;
mod order;
mod outages;
mod publishing;
mod questions;
// The attribute tells clippy that its helpers are tests as well.
#[cfg(test)]
mod rig;
mod topology;
