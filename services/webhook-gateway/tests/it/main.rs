//! The gateway over HTTP, on a broker and a database of each test's own, with wires that can be cut.

// `cfg(test)` is how clippy knows that helpers here may panic too.
#[cfg(test)]
mod calls;
#[cfg(test)]
mod http;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod process;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod sikka;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod webhooks;
