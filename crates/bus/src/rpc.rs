//! Questions with a deadline.
//!
//! A question travels in memory only and dies at its deadline, on the broker or at whoever serves it. It is acknowledged
//! after its answer was sent, so that the question of a killed server goes to its replica while the deadline holds: a
//! question may be served twice, and its handler must not mind.

mod ask;
mod serve;

pub(crate) use ask::Replies;
