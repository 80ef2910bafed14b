use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

tokio::task_local! {
    static WATCH: Stopwatch;
}

/// Adds up the time in which at least one request is open: two at once count once.
#[derive(Debug, Clone, Default)]
struct Stopwatch(Arc<Mutex<Laps>>);

#[derive(Debug, Default)]
struct Laps {
    open: u32,
    since: Option<Instant>,
    covered: Duration,
}

/// Runs `work` and tells how much of its time was spent at vendors.
///
/// Requests made side by side inside `work` count once; waiting for a budget or between tries does not
/// count. Tasks that `work` spawns are not seen.
pub async fn timed<F: Future>(work: F) -> (F::Output, Duration) {
    let watch = Stopwatch::default();
    let output = WATCH.scope(watch.clone(), work).await;
    let covered = watch.with(|laps| laps.covered);
    (output, covered)
}

/// Counts as open until dropped.
pub(crate) struct Lap(Option<Stopwatch>);

pub(crate) fn lap() -> Lap {
    let watch = WATCH.try_with(Stopwatch::clone).ok();
    if let Some(watch) = &watch {
        watch.with(|laps| {
            laps.open += 1;
            laps.since.get_or_insert_with(Instant::now);
        });
    }
    Lap(watch)
}

impl Drop for Lap {
    fn drop(&mut self) {
        let Some(watch) = &self.0 else { return };
        watch.with(|laps| {
            laps.open -= 1;
            if laps.open == 0
                && let Some(since) = laps.since.take()
            {
                laps.covered += since.elapsed();
            }
        });
    }
}

impl Stopwatch {
    fn with<T>(&self, change: impl FnOnce(&mut Laps) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open_for(millis: u64) {
        let _lap = lap();
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    #[tokio::test]
    async fn requests_side_by_side_count_once_and_a_pause_between_does_not_count() {
        let ((), spent) = timed(async {
            tokio::join!(open_for(40), open_for(60));
            tokio::time::sleep(Duration::from_millis(200)).await;
            open_for(20).await;
        })
        .await;
        assert!(spent >= Duration::from_millis(80) && spent < Duration::from_millis(180), "{spent:?}");
    }

    #[tokio::test]
    async fn a_request_outside_any_timed_work_is_no_error() {
        open_for(0).await;
    }
}
