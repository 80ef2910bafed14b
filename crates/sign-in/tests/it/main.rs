//! Tokens of an issuer that a local server plays.

#[cfg(test)]
mod keys;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod tokens;
