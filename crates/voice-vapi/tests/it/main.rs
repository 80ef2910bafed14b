//! What Vapi sends and what it is answered, from raw bytes to raw bytes.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod authentication;
#[cfg(test)]
mod heads;
#[cfg(test)]
mod redaction;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod tenants;
#[cfg(test)]
mod tools;
