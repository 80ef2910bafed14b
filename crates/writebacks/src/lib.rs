#![doc = include_str!("../README.md")]

mod calendar;
mod carry;
mod drops;
mod finish;
mod hours;
mod late;
mod lookout;
mod moves;
mod night;
mod pace;
mod plan;
mod reasons;
mod reference;
mod replay;
mod request;
mod rhythm;
mod runs;
mod settle;
mod tasks;
mod wanted;

pub use carry::{Carrier, CarryError, Offices};
pub use drops::{DropError, DropOutcome, UnknownOutcome, give_up};
pub use lookout::{BusLookout, Lookout, Seen};
pub use moves::{Actor, allowed};
pub use pace::Pace;
pub use plan::{Planned, Verdict, plan};
pub use reasons::{CALLER_NOT_TOLD, REASONS, Reason, reason};
pub use reference::reference;
pub use replay::{Obstacle, ReplayError, replay};
pub use request::{COPY_MARGIN, RequestError, Requested, Wish, ask_again, request};
pub use runs::{start_run, stop_run};
pub use settle::{Found, SettleError, settle};
pub use tasks::{Done, EndTaskError, end_task};
pub use wanted::{Wanted, wanted, wanted_of, whose};
