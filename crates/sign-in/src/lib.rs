#![doc = include_str!("../README.md")]

mod issuer;
mod keys;
mod rs256;

pub use issuer::{Issuer, IssuerConfig, Refused, SignedIn};
