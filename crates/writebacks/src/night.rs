use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::hours::last_night;
use crate::reasons::helped_by_a_night;
use crate::replay::{ReplayError, replay};
use crate::{Carrier, CarryError};

/// Nights in which one wish is tried again.
const MOST_NIGHTS: i64 = 3;

impl Carrier {
    /// Replays, in each practice's own night, what went wrong for a reason that passes; returns how many. One
    /// that goes wrong again has the next night.
    ///
    /// # Errors
    /// [`CarryError`].
    pub async fn retry_at_night(&self, now: Timestamp) -> Result<usize, CarryError> {
        let mut tx = self.store().machinery().await?;
        let candidates = tx.night_candidates(&helped_by_a_night(), MOST_NIGHTS, now).await?;
        tx.commit().await?;
        let mut replayed = 0;
        for one in candidates {
            let began = TimeZone::get(&one.time_zone)
                .ok()
                .and_then(|zone| last_night(&zone, one.night_minute, now))
                .filter(|began| one.finished_at < *began);
            if began.is_none() {
                continue;
            }
            match replay(self.store(), one.tenant, one.id, "night").await {
                Ok(_) => replayed += 1,
                Err(ReplayError::Obstacle(obstacle)) => {
                    tracing::info!(writeback.id = %one.id, obstacle = obstacle.word(), "a write was not tried again in the night");
                }
                Err(ReplayError::Store(error)) => return Err(error.into()),
            }
        }
        Ok(replayed)
    }
}
