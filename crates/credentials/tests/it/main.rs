//! Keys, against a scripted vendor and a real PostgreSQL.

// The attributes tell clippy that helpers are tests as well.
#[cfg(test)]
mod failure;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod rig;
