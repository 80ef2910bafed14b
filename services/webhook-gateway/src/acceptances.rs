//! P1, P2: what this gateway took, told to the ledger, so that a message lost on its way there shows.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Data;
use store::{Store, StoreError};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::context::Context;

const EVERY: Duration = Duration::from_secs(1);

/// One run of a gateway: its count begins at nothing.
pub(crate) struct Teller {
    gateway: Uuid,
    source: &'static str,
    context: Data<Context>,
}

impl Teller {
    /// The teller of what came from one vendor.
    pub(crate) fn new(context: Data<Context>, source: &'static str) -> Self {
        Self { gateway: Uuid::now_v7(), source, context }
    }

    /// Tells the count whenever it has changed. A database that is away is told the whole when it is back.
    pub(crate) async fn run(&self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut told = 0;
        while !stop.is_cancelled() {
            let accepted = self.context.counts.accepted(self.source);
            if accepted != told && self.tell(accepted).await.is_ok() {
                told = accepted;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(EVERY) => {}
            }
        }
        Ok(())
    }

    /// The last word of a gateway that stops.
    pub(crate) async fn finish(&self) {
        let accepted = self.context.counts.accepted(self.source);
        if accepted > 0 && self.tell(accepted).await.is_err() {
            tracing::warn!("what was accepted last could not be told to the ledger");
        }
    }

    async fn tell(&self, accepted: i64) -> Result<(), StoreError> {
        let store: &Store = &self.context.store;
        let mut tx = store.machinery().await?;
        tx.tell_accepted(self.gateway, self.source, accepted).await?;
        tx.commit().await
    }
}
