use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::NightCandidate;

use crate::hours::last_night;
use crate::reasons::helped_by_a_night;
use crate::replay::{ReplayError, replay};
use crate::{Carrier, CarryError};

/// Nights in which one wish is tried again.
pub(crate) const MOST_NIGHTS: i64 = 3;

impl Carrier {
    /// Replays, in each practice's own night, what went wrong for a reason that passes; returns how many. One
    /// that goes wrong again has the next night.
    ///
    /// # Errors
    /// [`CarryError`].
    pub async fn retry_at_night(&self, now: Timestamp) -> Result<usize, CarryError> {
        let (mut replayed, mut after) = (0, None);
        loop {
            let mut tx = self.store().machinery().await?;
            let page = tx.night_candidates(&helped_by_a_night(), MOST_NIGHTS, now, after).await?;
            tx.commit().await?;
            let Some(last) = page.last() else { return Ok(replayed) };
            after = Some(last.id);
            for one in page.iter().filter(|one| is_its_night(one, now)) {
                match replay(self.store(), one.tenant, one.id, "night").await {
                    Ok(_) => replayed += 1,
                    Err(ReplayError::Obstacle(obstacle)) => {
                        tracing::debug!(writeback.id = %one.id, obstacle = obstacle.word(), "a write was not tried again in the night");
                    }
                    // One that cannot be replayed now must not keep the others from it.
                    Err(ReplayError::Store(error)) => {
                        tracing::warn!(writeback.id = %one.id, error = %error, "a write could not be tried again in the night");
                    }
                }
            }
        }
    }
}

/// Whether it was tried before the night that its practice has now, and not in it. A night's try may last until its own
/// time runs out in the next night: that one takes it up again.
fn is_its_night(one: &NightCandidate, now: Timestamp) -> bool {
    TimeZone::get(&one.time_zone)
        .ok()
        .and_then(|zone| last_night(&zone, one.night_minute, now))
        .is_some_and(|began| one.tried_at < began)
}
