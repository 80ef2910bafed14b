//! Writes carried to a scripted vendor, on a real PostgreSQL.

// The attributes tell clippy that helpers are tests as well.
#[cfg(test)]
mod chain;
#[cfg(test)]
mod deadline;
#[cfg(test)]
mod life;
#[cfg(test)]
mod lost;
#[cfg(test)]
mod model;
#[cfg(test)]
mod order;
#[cfg(test)]
mod payments;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod settled;
#[cfg(test)]
mod vendor;
