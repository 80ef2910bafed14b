//! The client against a local server.

#[cfg(test)]
mod calls;
