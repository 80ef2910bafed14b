//! Telemetry, as a process has it.

// The attribute tells clippy that helpers are tests as well.
#[cfg(test)]
mod installed;
