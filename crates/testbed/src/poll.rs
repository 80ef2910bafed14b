//! Waiting for something to become true.

use std::time::{Duration, Instant};

/// Asks `probe` until it answers `Some`, and returns that. Fails the test once `deadline` has passed, naming `what` was
/// awaited.
///
/// ```
/// # async fn example() {
/// let answer = testbed::until(std::time::Duration::from_secs(5), "the answer", || async { Some(42) }).await;
/// # assert_eq!(answer, 42);
/// # }
/// ```
pub async fn until<T, P, F>(deadline: Duration, what: &str, mut probe: P) -> T
where
    P: FnMut() -> F,
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(started.elapsed() < deadline, "waited {deadline:?} in vain for {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}
