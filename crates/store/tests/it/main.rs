//! The store against a real PostgreSQL, each test in a database of its own.

// The attributes tell clippy that helpers are tests as well.
#[cfg(test)]
mod alert_mail;
#[cfg(test)]
mod alerts;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod budgets;
#[cfg(test)]
mod holds;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod listed;
#[cfg(test)]
mod members;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod payments;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod sealed;
#[cfg(test)]
mod setups;
#[cfg(test)]
mod switch_offs;
#[cfg(test)]
mod tenants;
#[cfg(test)]
mod tool_calls;
#[cfg(test)]
mod upgrades;
