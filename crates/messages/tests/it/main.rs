//! What travelled once can be read for ever, and a shape of ours survives the journey.

// The attributes tell clippy that helpers are tests as well.
#[cfg(test)]
mod arms;
#[cfg(test)]
mod domain_shapes;
#[cfg(test)]
mod patient_books;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod stored;
