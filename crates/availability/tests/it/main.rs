//! The engine on a small clinic's days.

#[cfg(test)]
mod day;
#[cfg(test)]
mod engine;
