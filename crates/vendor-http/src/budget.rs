use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// What a vendor's answer says about its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateSeen {
    /// Requests per window.
    pub limit: u32,
    /// Requests left in this window.
    pub remaining: u32,
    /// Until the window ends.
    pub reset: Duration,
}

/// No request may leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the budget of requests is used up")]
pub struct BudgetSpent {
    /// Until one may.
    pub retry_after: Duration,
}

/// How many requests one practice may cause. Asked before every request, retries included.
#[async_trait]
pub trait Budget: Send + Sync {
    /// Takes one request out of the budget.
    ///
    /// # Errors
    /// [`BudgetSpent`]; nothing was taken then.
    async fn admit(&self) -> Result<(), BudgetSpent>;

    /// Learns what the vendor's answer advertised.
    async fn observe(&self, seen: RateSeen);

    /// Learns that the day's quota of this budget's practice is used up: ask again after `rest`.
    async fn day_spent(&self, rest: Duration);
}

/// A budget that one process keeps for itself.
///
/// Of a limit L per minute it lets 0.2 L go at once and 0.8 L per minute flow, so that no window of 60
/// seconds, wherever the vendor's begins, holds more than L.
#[derive(Debug)]
pub struct MemoryBudget(Mutex<State>);

#[derive(Debug)]
struct State {
    per_minute: u32,
    limiter: Arc<DefaultDirectRateLimiter>,
    closed_until: Option<Instant>,
}

impl MemoryBudget {
    /// At most `limit` requests in any minute, until the vendor advertises another limit.
    #[must_use]
    pub fn per_minute(limit: u32) -> Self {
        Self(Mutex::new(State { per_minute: limit, limiter: Arc::new(limiter(limit)), closed_until: None }))
    }
}

fn burst(limit: u32) -> NonZeroU32 {
    NonZeroU32::new(limit / 5).unwrap_or(NonZeroU32::MIN)
}

/// What may go at once now, so that with the flow up to the window's end no more goes than is left in it.
fn burst_left(seen: RateSeen) -> u32 {
    let seconds = u32::try_from(seen.reset.as_secs()).unwrap_or(60).min(60);
    let flow = (seen.limit - seen.limit / 5).saturating_mul(seconds).div_ceil(60);
    seen.remaining.saturating_sub(flow)
}

fn limiter(limit: u32) -> DefaultDirectRateLimiter {
    let flow = NonZeroU32::new(limit - limit / 5).unwrap_or(NonZeroU32::MIN);
    RateLimiter::direct(Quota::per_minute(flow).allow_burst(burst(limit)))
}

#[async_trait]
impl Budget for MemoryBudget {
    async fn admit(&self) -> Result<(), BudgetSpent> {
        let limiter = {
            let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(until) = state.closed_until
                && let left = until.saturating_duration_since(Instant::now())
                && !left.is_zero()
            {
                return Err(BudgetSpent { retry_after: left });
            }
            Arc::clone(&state.limiter)
        };
        limiter
            .check()
            .map_err(|until| BudgetSpent { retry_after: until.wait_time_from(DefaultClock::default().now()) })
    }

    async fn observe(&self, seen: RateSeen) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.remaining == 0 {
            state.closed_until = Some(Instant::now() + seen.reset);
        }
        if seen.limit > 0 && seen.limit != state.per_minute {
            let fresh = limiter(seen.limit);
            // A new limiter knows nothing of what was spent in the vendor's window.
            if let Some(spent) = NonZeroU32::new(burst(seen.limit).get().saturating_sub(burst_left(seen)))
                && !matches!(fresh.check_n(spent), Ok(Ok(())))
            {
                tracing::warn!(limit = seen.limit, "A new budget started fuller than it should.");
            }
            state.per_minute = seen.limit;
            state.limiter = Arc::new(fresh);
        }
    }

    /// Changes nothing: this budget is an application's own, and one practice's day must not stop the others.
    async fn day_spent(&self, _rest: Duration) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn admitted(budget: &MemoryBudget, tries: u32) -> u32 {
        let mut passed = 0;
        for _ in 0..tries {
            passed += u32::from(budget.admit().await.is_ok());
        }
        passed
    }

    #[tokio::test]
    async fn p9_a_budget_lets_a_fifth_go_at_once_and_then_tells_when_the_next_may() {
        let budget = MemoryBudget::per_minute(60);
        assert_eq!(admitted(&budget, 60).await, 12);
        let wait = budget.admit().await.unwrap_err().retry_after;
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(2), "{wait:?}");
    }

    #[tokio::test]
    async fn p9_a_vendor_that_says_none_is_left_is_left_alone_until_its_window_ends() {
        let budget = MemoryBudget::per_minute(60);
        budget.observe(RateSeen { limit: 60, remaining: 0, reset: Duration::from_secs(30) }).await;
        let wait = budget.admit().await.unwrap_err().retry_after;
        assert!(wait > Duration::from_secs(28), "{wait:?}");
    }

    #[tokio::test]
    async fn p9_another_advertised_limit_is_taken_up_with_what_is_left_of_its_window() {
        for (remaining, burst) in [(249, 49), (220, 20), (200, 0), (3, 0)] {
            let budget = MemoryBudget::per_minute(60);
            assert_eq!(admitted(&budget, 60).await, 12);
            budget.observe(RateSeen { limit: 250, remaining, reset: Duration::from_secs(60) }).await;
            let passed = admitted(&budget, 60).await;
            assert!((burst..=burst + 1).contains(&passed), "{passed} of {remaining}");
        }
    }
}
