//! Whether the vendor serves a location. One that is on is billed: what is to be used is switched on, and what is used no
//! more is switched off.

use std::sync::Arc;
use std::time::Duration;

use domain::{ConnectionId, TenantId};
use jiff::{SignedDuration, Timestamp};
use pms::{Advice, ErrorKind, KeySource, PmsError};
use pms_sikka::{AuthorizedPractice, OfficeProfile};
use store::{StoreError, SwitchOff, SwitchOffEnd};
use tokio::time::{Instant, sleep};
use vendor_http::Budget;

use super::{Connector, VENDOR, heed};

/// For so long nobody switches off what somebody is about to use, and after that it is switched off where nobody came to
/// use it: longer than any set-up or test takes.
const HELD_S: f64 = 600.0;
/// Longer than one switch can take, its wait for room included.
const LEASE_S: f64 = 180.0;
/// How long a location is waited for that is being switched off at this moment.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest wait between two tries.
const LONGEST_WAIT_S: f64 = 3_600.0;
/// After so long nothing is tried any more, and somebody has to look.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// What stands beside a connection from then on.
const STILL_ON: &str = "location_still_on";

impl Connector {
    /// Has the vendor serve a location, and reads it. A location that is on is billed: one that this call switched on,
    /// and that cannot be used, is switched off again.
    pub(super) async fn open(
        &self,
        practice: &AuthorizedPractice,
        keys: Arc<dyn KeySource>,
        budget: Arc<dyn Budget>,
    ) -> Result<OfficeProfile, PmsError> {
        let (office, location) = (practice.office_id.as_str(), practice.practice_id.as_str());
        self.hold_on(office, location).await?;
        let is_new = self.sikka.switch_on(office, location).await?;
        let read = self.sikka.inspect(practice, keys, budget).await;
        let is_useless =
            |error: &PmsError| (error.kind, error.advice) == (ErrorKind::Unsupported, Advice::Permanent);
        if is_new
            && read.as_ref().is_err_and(is_useless)
            && let Err(error) = self.sikka.switch_off(office, location).await
        {
            tracing::warn!(error = %error, "a location that cannot be used stays switched on, and is billed");
        }
        read
    }

    /// A disabled connection may still wait for its location to be switched off: that is put off, or else it would end
    /// what begins here. From now on every one waits for it: what is switched on and comes to nothing goes off again,
    /// whether or not somebody is left to see to it.
    async fn hold_on(&self, office: &str, location: &str) -> Result<(), PmsError> {
        let down = || PmsError::new(ErrorKind::VendorDown, Advice::Retry);
        let give_up = Instant::now() + PATIENCE;
        loop {
            let held = async {
                let mut tx = self.store.machinery().await?;
                let held = tx.hold_switch_offs(VENDOR, (office, location), HELD_S).await?;
                tx.commit().await?;
                Ok::<_, StoreError>(held)
            };
            if held.await.map_err(|error| down().code("database").caused_by(error))? {
                return Ok(());
            }
            if Instant::now() >= give_up {
                return Err(down());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Somebody was about to use a connection, and it is disabled after all.
    pub(super) async fn leave_off(&self, tenant: TenantId, id: ConnectionId) -> Result<(), StoreError> {
        let mut tx = self.store.tenant(tenant).await?;
        tx.owe_switch_off(id, false).await?;
        tx.commit().await
    }

    /// Switches off what is due, one after the other: there are few of them, and they hurry nobody.
    pub(crate) async fn switch_off_due(&self) -> Result<(), StoreError> {
        loop {
            let mut tx = self.store.machinery().await?;
            let claimed = tx.claim_switch_offs(VENDOR, 1, LEASE_S).await?.pop();
            tx.commit().await?;
            let Some(one) = claimed else { return Ok(()) };
            let answer = self.sikka.switch_off(&one.office, &one.location).await;
            let owed = Timestamp::now().duration_since(one.since);
            let end = end_of(answer.as_ref().err(), self.own.setup_wait_seconds, (one.tries, owed));
            let mut tx = self.store.machinery().await?;
            let is_over = tx.switch_off_ended(&one, end).await?;
            tx.commit().await?;
            self.tell_of_switch(&one, answer, (end, is_over)).await?;
        }
    }

    async fn tell_of_switch(
        &self,
        one: &SwitchOff,
        answer: Result<(), PmsError>,
        (end, is_over): (SwitchOffEnd, bool),
    ) -> Result<(), StoreError> {
        let Err(error) = answer else {
            tracing::info!(connection.id = %one.connection, "a location that nobody uses is switched off");
            return self.record(one.tenant, "switchboard", "location.switch_off", one.connection).await;
        };
        match end {
            SwitchOffEnd::GivenUp(_) if is_over => {
                tracing::warn!(connection.id = %one.connection, error = %error,
                    "the vendor does not switch a location off that nobody uses: nothing more is tried");
                self.tell(one.tenant, one.connection).await
            }
            SwitchOffEnd::Over => {
                tracing::info!(connection.id = %one.connection, error = %error,
                    "the vendor knows a location no more that nobody uses");
                Ok(())
            }
            SwitchOffEnd::Again(_) | SwitchOffEnd::GivenUp(_) => {
                tracing::info!(connection.id = %one.connection, error = %error, "a location is switched off later");
                Ok(())
            }
        }
    }
}

/// What becomes of what is owed. It is tried again, twice as late each time, until it is done; until no later try goes
/// better, or none did for too long. A location that the vendor does not know is billed to nobody.
fn end_of(error: Option<&PmsError>, first_s: f64, (tries, owed): (i32, SignedDuration)) -> SwitchOffEnd {
    let Some(error) = error else { return SwitchOffEnd::Over };
    // It is asked for in the application's own name. That its keys are wrong is told of elsewhere, and passes.
    let are_keys_wrong = error.kind == ErrorKind::AccessWithdrawn && error.code.as_deref() != Some(heed::OFF);
    match (error.kind, error.advice) {
        (ErrorKind::NotFound, Advice::Permanent) => SwitchOffEnd::Over,
        (_, Advice::Permanent) if !are_keys_wrong => SwitchOffEnd::GivenUp(STILL_ON),
        _ if owed >= GIVEN_UP_AFTER => SwitchOffEnd::GivenUp(STILL_ON),
        (_, advice) => {
            let doubled = (first_s * 2f64.powi((tries - 1).clamp(0, 20))).min(LONGEST_WAIT_S);
            SwitchOffEnd::Again(match advice {
                Advice::RetryAfter(wait) => doubled.max(wait.as_secs_f64()),
                _ => doubled,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon(error: &PmsError, tries: i32) -> SwitchOffEnd {
        end_of(Some(error), 30.0, (tries, SignedDuration::from_hours(1)))
    }

    #[test]
    fn a_switch_is_tried_again_twice_as_late_each_time_until_the_vendor_takes_it() {
        let down = PmsError::new(ErrorKind::VendorDown, Advice::Retry);
        let waits = [1, 2, 3, 30].map(|tries| soon(&down, tries));
        assert_eq!(waits, [30.0, 60.0, 120.0, 3_600.0].map(SwitchOffEnd::Again));
        let full = PmsError::new(ErrorKind::RateLimited, Advice::RetryAfter(Duration::from_secs(90)));
        assert_eq!(soon(&full, 1), SwitchOffEnd::Again(90.0));
        // Our own keys are wrong for a while: the location stays billed until they are right.
        let refused = PmsError::new(ErrorKind::AccessWithdrawn, Advice::Permanent).code("API2003");
        assert_eq!(soon(&refused, 1), SwitchOffEnd::Again(30.0));
        assert_eq!(end_of(None, 30.0, (1, SignedDuration::ZERO)), SwitchOffEnd::Over);
    }

    #[test]
    fn p12_a_switch_that_no_later_try_mends_or_that_failed_for_a_week_is_given_up_and_told_of() {
        let never = |kind| PmsError::new(kind, Advice::Permanent);
        for error in [
            never(ErrorKind::Unsupported),
            never(ErrorKind::Invalid),
            never(ErrorKind::AccessWithdrawn).code(heed::OFF),
        ] {
            assert_eq!(soon(&error, 1), SwitchOffEnd::GivenUp(STILL_ON), "{error}");
        }
        assert_eq!(soon(&never(ErrorKind::NotFound), 1), SwitchOffEnd::Over, "nobody is billed for it");
        let down = PmsError::new(ErrorKind::VendorDown, Advice::Retry);
        let after = |hours| end_of(Some(&down), 30.0, (170, SignedDuration::from_hours(hours)));
        assert_eq!(after(7 * 24 - 1), SwitchOffEnd::Again(3_600.0));
        assert_eq!(after(7 * 24), SwitchOffEnd::GivenUp(STILL_ON));
    }
}
