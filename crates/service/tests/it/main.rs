//! The chassis as its users meet it: a tiny service over HTTP, a real process, and settings from maps.

// `cfg(test)` is how clippy knows that helpers here may panic too.
#[cfg(test)]
mod answers;
#[cfg(test)]
mod lifetime;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod process;
#[cfg(test)]
mod settings;
