use std::collections::BTreeMap;

use domain::{ConnectionId, TenantId, WritebackId};
use store::{Store, StoreError, Writeback};

use crate::lookout::{Lookout, Seen};
use crate::replay::{Obstacle, obstacle};

/// What would become of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be replayed.
    Safe,
    /// The practice's system holds it: a replay would find it there and send nothing.
    AlreadyApplied,
    /// The time it is about is past.
    Stale,
    /// Another write of ours has the time, or does the same, or the practice's calendar has somebody else, or its staff
    /// have changed the appointment since.
    Conflicting,
    /// The practice's system could not be asked whether it is there. A replay asks before it sends.
    NotKnown,
    /// Under way, done, replayed, given up, or behind another that must be first.
    NotOpen,
}

impl Verdict {
    /// The word for it in answers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::AlreadyApplied => "already_applied",
            Self::Stale => "stale",
            Self::Conflicting => "conflicting",
            Self::NotKnown => "not_known",
            Self::NotOpen => "not_open",
        }
    }
}

/// One write of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The write.
    pub id: WritebackId,
    /// What would become of its replay.
    pub verdict: Verdict,
    /// Why, in a word.
    pub why: &'static str,
    /// The write that is in the way.
    pub other: Option<WritebackId>,
}

/// Sorts writes by what would become of a replay. Whether one is there already is asked of the practice's own
/// system, never guessed. Nothing is changed.
///
/// # Errors
/// [`StoreError`].
pub async fn plan(
    store: &Store,
    lookout: &dyn Lookout,
    tenant: TenantId,
    ids: &[WritebackId],
) -> Result<Vec<Planned>, StoreError> {
    let mut tx = store.tenant(tenant).await?;
    let mut rows = Vec::new();
    let mut asked: BTreeMap<ConnectionId, Vec<WritebackId>> = BTreeMap::new();
    let mut writes = tx.writebacks(ids).await?;
    // Those of one day are asked for together, so that it is read once.
    writes.sort_by_key(|write| (write.about_at, write.id));
    for write in writes {
        let against = obstacle(&mut tx, &write).await?;
        if is_open(against) {
            asked.entry(write.connection).or_default().push(write.id);
        }
        rows.push((write, against));
    }
    let mut vendors = BTreeMap::new();
    for connection in asked.keys() {
        vendors.insert(*connection, tx.connection(*connection).await?.vendor);
    }
    tx.commit().await?;
    let mut seen = BTreeMap::new();
    for (connection, ids) in &asked {
        let vendor = vendors.get(connection).map_or("", String::as_str);
        seen.extend(lookout.look(tenant, *connection, vendor, ids).await);
    }
    rows.sort_by_key(|(write, _)| write.id);
    Ok(rows.iter().map(|(write, against)| judged(write, *against, seen.get(&write.id).copied())).collect())
}

/// Whether the answer of the practice's system can change anything.
const fn is_open(against: Option<Obstacle>) -> bool {
    matches!(against, None | Some(Obstacle::Stale | Obstacle::Conflicting(_)))
}

fn judged(write: &Writeback, against: Option<Obstacle>, seen: Option<Seen>) -> Planned {
    let say = |verdict, why, other| Planned { id: write.id, verdict, why, other };
    if seen == Some(Seen::Applied) && is_open(against) {
        return say(Verdict::AlreadyApplied, "in_the_practices_records", None);
    }
    match against {
        Some(found @ Obstacle::Stale) => return say(Verdict::Stale, found.word(), None),
        Some(found @ Obstacle::Conflicting(other)) => {
            return say(Verdict::Conflicting, found.word(), Some(other));
        }
        Some(Obstacle::Succeeded) => {
            return say(Verdict::AlreadyApplied, Obstacle::Succeeded.word(), None);
        }
        Some(other) => return say(Verdict::NotOpen, other.word(), other.other()),
        None => {}
    }
    match seen {
        Some(Seen::TimeTaken) => say(Verdict::Conflicting, "taken_in_the_practices_calendar", None),
        Some(Seen::Overtaken) => say(Verdict::Conflicting, "changed_in_the_practices_calendar", None),
        Some(Seen::Nowhere) if write.first_sent_at.is_none() => say(Verdict::Safe, "never_sent", None),
        Some(Seen::Refused) => say(Verdict::Safe, "refused_by_the_practice", None),
        Some(Seen::Taken) => say(Verdict::Safe, "only_its_outcome_is_asked_for", None),
        Some(Seen::Nowhere) => say(Verdict::Safe, "found_nowhere", None),
        Some(Seen::Applied) => say(Verdict::AlreadyApplied, "in_the_practices_records", None),
        None => say(Verdict::NotKnown, "the_practice_could_not_be_asked", None),
    }
}
