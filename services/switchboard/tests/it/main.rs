//! The whole of Switchboard as processes: booked through the gateway, held against the practices' own records.

// `cfg(test)` is how clippy knows that helpers here may panic too.
#[cfg(test)]
mod callers;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod desk;
