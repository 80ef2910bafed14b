//! The client against a local server.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod guarded;
