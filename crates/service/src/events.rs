use bus::{Delay, Outcome};
use store::StoreError;

/// Tries of an event that the database refuses.
const TRIES: u32 = 5;

/// What becomes of a vendor's event that was handled on its `attempt`-th try, or could not be: counted by what it came
/// to, or tried again. A database that is away is waited for however long it takes; one that refuses this event will
/// refuse it again, and it is set aside.
#[must_use]
pub fn event_outcome(attempt: u32, handled: Result<&'static str, StoreError>) -> Outcome {
    match handled {
        Ok(outcome) => {
            metrics::counter!("webhook_events", "outcome" => outcome).increment(1);
            Outcome::Done
        }
        Err(error) if attempt >= TRIES && !matches!(error, StoreError::Unavailable) => {
            tracing::error!(error = %error, "an event is set aside");
            Outcome::Park(error.to_string())
        }
        Err(error) => {
            tracing::warn!(error = %error, "an event waits for the database");
            Outcome::RetryAfter(Delay::TenSeconds, error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p1_an_event_waits_for_a_database_that_is_away_and_is_set_aside_where_it_refuses() {
        assert!(matches!(event_outcome(1, Ok("handled")), Outcome::Done));
        let refused = || Err(StoreError::NotFound);
        assert!(matches!(event_outcome(TRIES - 1, refused()), Outcome::RetryAfter(..)));
        assert!(matches!(event_outcome(TRIES, refused()), Outcome::Park(_)));
        assert!(matches!(event_outcome(99, Err(StoreError::Unavailable)), Outcome::RetryAfter(..)));
    }
}
