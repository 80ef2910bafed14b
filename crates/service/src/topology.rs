//! The broker's exchanges and queues, kept in being.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bus::{Bus, BusError, Topology};
use tokio_util::sync::CancellationToken;

const LOOK: Duration = Duration::from_millis(200);

/// Declares the topology as soon as the broker is there, and again after each time it was away: a
/// broker that lost its data gets its queues back.
#[derive(Clone)]
pub struct TopologyKeeper {
    bus: Bus,
    topology: Arc<Topology>,
    declared: Arc<AtomicBool>,
}

impl TopologyKeeper {
    /// For this broker.
    #[must_use]
    pub fn new(bus: Bus, topology: Topology) -> Self {
        Self { bus, topology: Arc::new(topology), declared: Arc::new(AtomicBool::new(false)) }
    }

    /// Whether every exchange and queue is there, as a readiness check.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn check(&self) -> Result<(), &'static str> {
        match (self.bus.is_up(), self.declared.load(Ordering::Relaxed)) {
            (false, _) => Err("not connected"),
            (true, false) => Err("the queues are not declared yet"),
            (true, true) => Ok(()),
        }
    }

    /// Declares until told to stop.
    ///
    /// # Errors
    /// None ends it.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), BusError> {
        while !stop.is_cancelled() {
            if !self.bus.is_up() {
                self.declared.store(false, Ordering::Relaxed);
            } else if !self.declared.load(Ordering::Relaxed) {
                match self.topology.declare(&self.bus).await {
                    Ok(()) => self.declared.store(true, Ordering::Relaxed),
                    Err(error) => tracing::warn!(error = %error, "the topology cannot be declared"),
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        Ok(())
    }
}
