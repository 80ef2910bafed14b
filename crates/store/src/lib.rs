#![doc = include_str!("../README.md")]

mod alerts;
mod audit;
mod budgets;
mod connections;
mod error;
mod holds;
mod inbox;
mod made;
mod migrate;
mod outbox;
mod parked;
mod rounds;
mod schema;
mod tenancy;
mod tool_calls;
mod tx;
mod voice;
mod webhooks;
mod writebacks;

pub use alerts::{Alert, NewAlert};
pub use audit::{AuditFault, AuditRecord, AuditReport, NewAudit};
pub use budgets::BudgetUse;
pub use connections::{Connection, DueRefresh, NewConnection, Tokens};
pub use error::StoreError;
pub use holds::{Held, NewHold};
pub use migrate::{migrate, pending_migrations, template_key};
pub use outbox::{OutboxLetter, OutgoingLetter};
pub use parked::{NewParked, Parked};
pub use rounds::{DueConnection, StuckWriteback, WritebackCounts};
pub use tenancy::{ApiKeyOwner, Practice, Tenant};
pub use tool_calls::{ToolCallClaim, ToolCallKey};
pub use tx::{MachineryTx, Store, TenantTx};
pub use voice::{CallUpdate, NumberOwner};
pub use webhooks::{EventState, Ledger, NewEvent, Taken};
pub use writebacks::{Move, NewWriteback, Writeback, WritebackAttempt};
