//! The Sikka simulator over real HTTP. Tests that show a quirk of the contract's list 7.4 start with its number.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod notes;
#[cfg(test)]
mod oidc;
#[cfg(test)]
mod process;
#[cfg(test)]
mod quirks;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod writes;
