//! Whether the vendor serves a location. One that is on is billed: what is to be used is switched on, and what is used no
//! more is switched off.

use std::sync::Arc;
use std::time::Duration;

use domain::{ConnectionId, TenantId};
use pms::{Advice, ErrorKind, KeySource, PmsError};
use pms_sikka::{AuthorizedPractice, OfficeProfile};
use store::{StoreError, SwitchOff};
use tokio::time::{Instant, sleep};
use vendor_http::Budget;

use super::{Connector, VENDOR};

/// For so long nobody switches off what somebody is about to use: longer than any set-up or test takes.
const HELD_S: f64 = 600.0;
/// Longer than one switch can take, its wait for room included.
const LEASE_S: f64 = 180.0;
/// How long a location is waited for that is being switched off at this moment.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest wait between two tries.
const LONGEST_WAIT_S: f64 = 3_600.0;

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
    /// what begins here.
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
            let again_s = again(answer.as_ref().err(), self.own.setup_wait_seconds, one.tries);
            let mut tx = self.store.machinery().await?;
            tx.switch_off_ended(&one, again_s).await?;
            tx.commit().await?;
            self.tell_of_switch(&one, answer, again_s).await?;
        }
    }

    async fn tell_of_switch(
        &self,
        one: &SwitchOff,
        answer: Result<(), PmsError>,
        again_s: Option<f64>,
    ) -> Result<(), StoreError> {
        match (answer, again_s) {
            (Ok(()), _) => {
                tracing::info!(connection.id = %one.connection, "a location that nobody uses is switched off");
                self.record(one.tenant, "switchboard", "location.switch_off", one.connection).await
            }
            (Err(error), Some(_)) => {
                tracing::info!(connection.id = %one.connection, error = %error, "a location is switched off later");
                Ok(())
            }
            (Err(error), None) => {
                tracing::warn!(connection.id = %one.connection, error = %error,
                    "the vendor does not let a location be switched off that nobody uses");
                Ok(())
            }
        }
    }
}

/// Seconds until the next try: twice as long each time. None: it is done, or the vendor has no such call or location.
fn again(error: Option<&PmsError>, first_s: f64, tries: i32) -> Option<f64> {
    let is_final = |error: &PmsError| {
        matches!(error.kind, ErrorKind::Unsupported | ErrorKind::NotFound)
            && error.advice == Advice::Permanent
    };
    let error = error.filter(|error| !is_final(error))?;
    let doubled = (first_s * 2f64.powi((tries - 1).clamp(0, 20))).min(LONGEST_WAIT_S);
    Some(match error.advice {
        Advice::RetryAfter(wait) => doubled.max(wait.as_secs_f64()),
        _ => doubled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_tried_again_twice_as_late_each_time_until_the_vendor_takes_it_or_never_will() {
        let down = PmsError::new(ErrorKind::VendorDown, Advice::Retry);
        let waits = [1, 2, 3, 30].map(|tries| again(Some(&down), 30.0, tries));
        assert_eq!(waits, [Some(30.0), Some(60.0), Some(120.0), Some(3_600.0)]);
        let full = PmsError::new(ErrorKind::RateLimited, Advice::RetryAfter(Duration::from_secs(90)));
        assert_eq!(again(Some(&full), 30.0, 1), Some(90.0));
        // Our own keys are wrong for a while: the location stays billed until they are right.
        let refused = PmsError::new(ErrorKind::AccessWithdrawn, Advice::Permanent);
        assert_eq!(again(Some(&refused), 30.0, 1), Some(30.0));
        for kind in [ErrorKind::Unsupported, ErrorKind::NotFound] {
            assert_eq!(again(Some(&PmsError::new(kind, Advice::Permanent)), 30.0, 1), None);
        }
        assert_eq!(again(None, 30.0, 1), None);
    }
}
