use std::time::Duration;

use domain::{AppointmentType, ConnectionId, Currency, Phone, PracticeId, TenantId};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use pms::Capabilities;

use crate::{IdentityRules, Language};

/// Where a question arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// A voice agent's tool call.
    Voice,
    /// A chat agent's tool call: its conversation stands for the call, its channel's number for the caller's.
    Chat,
    /// The REST API.
    Rest,
}

impl Door {
    /// An agent's door, by its word: `voice`, `chat`; voice where it is empty.
    #[must_use]
    pub fn of_agent(word: &str) -> Option<Self> {
        match word {
            "" | "voice" => Some(Self::Voice),
            "chat" => Some(Self::Chat),
            _ => None,
        }
    }
}

/// Who asks, and how much the door knows about them.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Where the question arrived.
    pub door: Door,
    /// The vendor's id of the call, or ours of the conversation.
    pub call: Option<String>,
    /// The vendor's id of this one tool call.
    pub tool_call: Option<String>,
    /// The number the call or the message comes from, as the carrier or the channel gave it: never one that was only
    /// said.
    pub phone: Option<Phone>,
    /// The door itself has proven who asks, such as a practice's own system with its API key. Then
    /// patients need not prove who they are a second time.
    pub vouched: bool,
}

/// What a practice chose, or the default of it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long an appointment is when nobody says.
    pub appointment_minutes: i64,
    /// Times are offered at full multiples of this, by the practice's wall clock.
    pub step_minutes: i64,
    /// Nothing is offered that begins sooner than this.
    pub lead_minutes: i64,
    /// Nothing is offered later than this many days from today.
    pub days_ahead: i64,
    /// At most this many days are looked at in one question.
    pub range_days: i64,
    /// A copy older than this is offered with a word about its age.
    pub stale_after: Duration,
    /// A copy older than this is not offered from at all.
    pub too_old_after: Duration,
    /// How long a caller waits for the practice's system to confirm a write.
    pub write_wait: Duration,
    /// Whom new patients are filed under, by the vendor's id; without it, the first who takes
    /// appointments.
    pub default_clinician: Option<String>,
    /// What the practice counts its money in, where its system tells; its country tells otherwise.
    pub currency: Option<Currency>,
    /// The kinds of appointment that staff offer, each with its length. None: those of the practice's system, without.
    pub appointment_types: Vec<AppointmentType>,
    /// Which tool asks callers for which proof of who they are.
    pub identity: IdentityRules,
}

impl Settings {
    /// The kind of appointment that staff offer under a name or a code.
    pub(crate) fn appointment_type(&self, asked: &str) -> Option<&AppointmentType> {
        let asked = asked.trim();
        let is_it = |one: &&AppointmentType| {
            one.name.eq_ignore_ascii_case(asked) || (!asked.is_empty() && one.vendor_id == asked)
        };
        self.appointment_types.iter().find(is_it)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            appointment_minutes: 30,
            step_minutes: 30,
            lead_minutes: 60,
            days_ahead: 180,
            range_days: 14,
            stale_after: Duration::from_hours(2),
            // A practice whose copy is made nightly is at most a day and a little behind.
            too_old_after: Duration::from_hours(26),
            write_wait: Duration::from_secs(8),
            default_clinician: None,
            currency: None,
            appointment_types: Vec::new(),
            identity: IdentityRules::default(),
        }
    }
}

/// The desk a question is asked at: one practice, one caller, one moment.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The customer.
    pub tenant: TenantId,
    /// The location.
    pub practice: PracticeId,
    /// The link to its practice-management system.
    pub connection: ConnectionId,
    /// The practice's zone, as the tenant set it. A day book's own zone wins over it.
    pub zone: TimeZone,
    /// Two letters: a phone number without a country is of this one.
    pub country: String,
    /// What is said is said in this language: the tenant's, or the call's own.
    pub language: Language,
    /// What the practice's system can do.
    pub capabilities: Capabilities,
    /// What the practice chose.
    pub settings: Settings,
    /// Who asks.
    pub caller: Caller,
    /// The moment of the question.
    pub now: Timestamp,
}
