//! What was refused, on record: at once the first time, and how often after that at most once in a while. Somebody who
//! knocks all day must neither fill a chain that is never cut, nor hold it up for everybody else.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::TenantId;
use serde_json::{Map, Value};
use store::{NewAudit, Store, StoreError};

/// One kind of refusal of one caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Refusal {
    /// In whose chain it is recorded.
    pub(crate) tenant: TenantId,
    /// Who was refused, as audit records name them.
    pub(crate) actor: String,
    /// `sign_in.refused` or `access.refused`.
    pub(crate) action: &'static str,
    /// Why. Never what a caller may choose at will: each is recorded by itself.
    pub(crate) why: Vec<(&'static str, String)>,
}

struct Seen {
    recorded_at: Instant,
    more: u64,
}

/// Every refusal of this process that is still recent.
pub(crate) struct Refusals {
    every: Duration,
    seen: Mutex<HashMap<Refusal, Seen>>,
}

impl Refusals {
    /// `every`: the least time between two records of the same refusal.
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, seen: Mutex::default() }
    }

    pub(crate) const fn every(&self) -> Duration {
        self.every
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<Refusal, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a refusal, or counts it where the same one was recorded a moment ago.
    pub(crate) async fn record(&self, store: &Store, refusal: Refusal) -> Result<(), StoreError> {
        if !self.is_new(&refusal) {
            return Ok(());
        }
        let written = write(store, &refusal, 0).await;
        if written.is_err() {
            self.unwritten(refusal);
        }
        written
    }

    /// The record that the same refusals since were counted to is not there: the next is new, or, where some were
    /// counted already, they are recorded with the counts.
    fn unwritten(&self, refusal: Refusal) {
        if let Entry::Occupied(known) = self.seen().entry(refusal)
            && known.get().more == 0
        {
            known.remove();
        }
    }

    fn is_new(&self, refusal: &Refusal) -> bool {
        match self.seen().entry(refusal.clone()) {
            Entry::Occupied(mut known) => {
                known.get_mut().more += 1;
                false
            }
            Entry::Vacant(free) => {
                free.insert(Seen { recorded_at: Instant::now(), more: 0 });
                true
            }
        }
    }

    /// Records how often what was recorded has happened since, where its time has come or `now`.
    pub(crate) async fn record_counts(&self, store: &Store, now: bool) -> Result<(), StoreError> {
        let mut due = self.due(now).into_iter();
        while let Some((refusal, more)) = due.next() {
            if let Err(error) = write(store, &refusal, more).await {
                // They are counted on, and recorded another time.
                for (refusal, more) in due.chain([(refusal, more)]) {
                    let mut seen = self.seen();
                    let known = seen.entry(refusal).or_insert(Seen { recorded_at: Instant::now(), more: 0 });
                    known.more += more;
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// What is to be recorded; of the rest, what nobody did again is forgotten.
    fn due(&self, now: bool) -> Vec<(Refusal, u64)> {
        let mut due = Vec::new();
        self.seen().retain(|refusal, seen| {
            if !now && seen.recorded_at.elapsed() < self.every {
                return true;
            }
            let more = std::mem::take(&mut seen.more);
            if more > 0 {
                seen.recorded_at = Instant::now();
                due.push((refusal.clone(), more));
            }
            more > 0
        });
        due
    }
}

/// `more`: so many of the same since the record before; none: this is one itself.
async fn write(store: &Store, refusal: &Refusal, more: u64) -> Result<(), StoreError> {
    let mut detail: Map<String, Value> =
        refusal.why.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
    if more > 0 {
        detail.insert("more".to_owned(), more.into());
    }
    let mut tx = store.tenant(refusal.tenant).await?;
    tx.audit(&NewAudit {
        actor: &refusal.actor,
        action: refusal.action,
        patient: None,
        call_id: None,
        tool: None,
        outcome: "refused",
        ms: 0,
        detail: detail.into(),
    })
    .await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(actor: &str) -> Refusal {
        let why = vec![("why", "revoked".to_owned())];
        Refusal { tenant: TenantId::new(), actor: actor.to_owned(), action: "sign_in.refused", why }
    }

    #[test]
    fn the_same_refusal_is_new_once_and_counted_until_its_time_has_come() {
        let (one, other) = (refusal("one"), refusal("other"));
        let refusals = Refusals::new(Duration::from_secs(3600));
        assert!(refusals.is_new(&one) && refusals.is_new(&other));
        for _ in 0..4 {
            assert!(!refusals.is_new(&one));
        }
        assert!(refusals.due(false).is_empty(), "its time has not come");
        assert_eq!(refusals.due(true), [(one.clone(), 4)]);
        assert!(refusals.is_new(&other), "nobody did it again: the next is new");
        assert!(!refusals.is_new(&one));
        assert_eq!(refusals.due(true), [(one, 1)]);
    }

    #[test]
    fn p7_those_that_were_counted_to_a_record_that_could_not_be_written_stay_counted() {
        let (one, other) = (refusal("one"), refusal("other"));
        let refusals = Refusals::new(Duration::from_secs(3600));
        assert!(refusals.is_new(&one) && refusals.is_new(&other));
        assert!(!refusals.is_new(&one), "it came while the first was being written");
        refusals.unwritten(one.clone());
        refusals.unwritten(other.clone());
        assert!(refusals.is_new(&other), "nothing of it is on record");
        assert_eq!(refusals.due(true), [(one, 1)]);
    }
}
