//! The adapter against a local server that answers as the contract says, and against the sandbox.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod locations;
#[cfg(test)]
mod login;
#[cfg(test)]
mod payments;
mod places;
#[cfg(test)]
mod quirks;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod writes;
