//! The testbed itself: a tool that lies makes every test that uses it lie.

mod database;
mod process;
mod proxy;
mod vhost;
