//! The broker's exchanges and queues, kept in being.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bus::{Bus, BusError, Topology};
use tokio_util::sync::CancellationToken;

const LOOK: Duration = Duration::from_millis(200);
/// The wait after a refusal: what exists with other properties does not change by asking quickly.
const REFUSED: Duration = Duration::from_secs(2);

/// Declares the topology as soon as the broker is there, again after each time it was away, and when
/// asked to: a broker that lost its data gets its queues back.
#[derive(Clone)]
pub struct TopologyKeeper {
    bus: Bus,
    topology: Arc<Topology>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    declared: AtomicBool,
    /// Apart from `declared`, so that one letter nobody wants does not make every service unready.
    asked: AtomicBool,
}

impl TopologyKeeper {
    /// For this broker.
    #[must_use]
    pub fn new(bus: Bus, topology: Topology) -> Self {
        Self { bus, topology: Arc::new(topology), state: Arc::default() }
    }

    /// Whether every exchange and queue is there, as a readiness check.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn check(&self) -> Result<(), &'static str> {
        match (self.bus.is_up(), self.state.declared.load(Ordering::Relaxed)) {
            (false, _) => Err("not connected"),
            (true, false) => Err("the queues are not declared yet"),
            (true, true) => Ok(()),
        }
    }

    /// Asks for everything to be declared again soon: no queue took a letter, so the broker may have forgotten one.
    pub fn redeclare(&self) {
        self.state.asked.store(true, Ordering::Relaxed);
    }

    /// Declares until told to stop.
    ///
    /// # Errors
    /// None ends it.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), BusError> {
        let declaring = async {
            loop {
                tokio::time::sleep(self.look().await).await;
            }
        };
        stop.run_until_cancelled(declaring).await.unwrap_or(Ok(()))
    }

    async fn look(&self) -> Duration {
        if !self.bus.is_up() {
            self.state.declared.store(false, Ordering::Relaxed);
            return LOOK;
        }
        // Taken before declaring: who asks in the middle is heard the next time.
        let asked = self.state.asked.swap(false, Ordering::Relaxed);
        if self.state.declared.load(Ordering::Relaxed) && !asked {
            return LOOK;
        }
        let declared = self.topology.declare(&self.bus).await;
        self.state.declared.store(declared.is_ok(), Ordering::Relaxed);
        match declared {
            Ok(()) => LOOK,
            Err(error) => {
                tracing::warn!(error = %error, "the topology cannot be declared");
                if matches!(error, BusError::Refused { .. }) { REFUSED } else { LOOK }
            }
        }
    }
}
