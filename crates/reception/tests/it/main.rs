//! The use cases, on a practice and a ledger made of memory.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod any_clinic;
#[cfg(test)]
mod availability;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod beside;
#[cfg(test)]
mod booking;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod clinic;
#[cfg(test)]
mod create_patient;
#[cfg(test)]
mod free_times;
#[cfg(test)]
mod guesses;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod left_to_staff;
#[cfg(test)]
mod notes;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod own_appointments;
#[cfg(test)]
mod payment;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod updates;
