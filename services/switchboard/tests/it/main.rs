//! The whole of Switchboard as processes: booked through the gateway, held against the practices' own records.

// `cfg(test)` is how clippy knows that helpers here may panic too.
#[cfg(test)]
mod access;
#[cfg(test)]
mod alerts;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod callers;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod change_calls;
#[cfg(test)]
mod change_crashes;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod deadlines;
#[cfg(test)]
mod demos;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod installs;
#[cfg(test)]
mod key_rotation;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod out_of_plan;
#[cfg(test)]
mod program;
#[cfg(test)]
mod refreshes;
#[cfg(test)]
mod replays;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod tenants;
