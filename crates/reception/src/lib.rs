#![doc = include_str!("../README.md")]

mod answer;
mod desk;
mod guesses;
mod identity;
mod input;
mod language;
mod own_book;
mod ports;
mod proof;
mod reception;
mod sentences;
mod slot;
mod spoken;
mod tools;
mod turn;
mod wish;

pub use answer::{AuditNote, Status, ToolAnswer};
pub use availability::{Held, Stage};
pub use desk::{Caller, Desk, Door, Settings};
pub use input::BadInput;
pub use language::{Language, Template};
pub use ports::{
    Answered, BookError, Change, Claim, Guessing, Ledger, LedgerError, NewWrite, Paid, PaymentTaken,
    PendingPatient, PracticeBook, Recorded, RequestError, Requested, WriteNews,
};
pub use proof::{IdentityRules, Proof, ProofNeeded, RulesError};
pub use reception::{Handled, Reception};
pub use tools::{Access, Tool, is_payment_reference, tool, tools};
pub use wish::wish;
