//! The REST API over HTTP, with every service behind it a process.

// `cfg(test)` is how clippy knows that helpers here may panic too.
#[cfg(test)]
mod access;
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod alerts;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod chat;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod front_desk;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod insight;
#[cfg(test)]
mod knocking;
#[cfg(test)]
mod locations;
#[cfg(test)]
mod members;
#[cfg(test)]
mod repeats;
#[cfg(test)]
mod rest;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod writebacks;
