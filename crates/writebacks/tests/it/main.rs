//! Writes carried to a scripted vendor, on a real PostgreSQL.

// The attributes tell clippy that helpers are tests as well.
#[cfg(test)]
mod beside;
#[cfg(test)]
mod calendar;
#[cfg(test)]
mod chain;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod deadline;
#[cfg(test)]
mod drops;
#[cfg(test)]
mod life;
#[cfg(test)]
mod lost;
#[cfg(test)]
mod model;
#[cfg(test)]
mod night;
#[cfg(test)]
mod offline;
#[cfg(test)]
mod order;
#[cfg(test)]
mod payments;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod polling;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod settled;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod vendor;
