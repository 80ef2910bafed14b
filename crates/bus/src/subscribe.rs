//! Listening to facts.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::acks;
use crate::bus::Bus;
use crate::counts;
use crate::intake::{Arrival, Intake, Source};
use crate::letter::Letter;
use crate::wire;

const PREFETCH: u16 = 256;

impl Bus {
    /// Hands every fact whose routing key matches one of `binding_keys` (`*` one word, `#` any) to `handler`, one after
    /// the other, until `shutdown`.
    ///
    /// The queue is this process's own and gone with it: facts told while it was away or cut off are missed. Use it to be
    /// quicker than a look into the database, never instead of one.
    pub fn subscribe<H, F>(
        &self,
        binding_keys: &[&str],
        handler: H,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<H, F>
    where
        H: Fn(Letter) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let binding_keys = binding_keys.iter().map(|key| (*key).to_owned()).collect();
        listen(self.clone(), Source::News { binding_keys, prefetch: PREFETCH }, handler, shutdown)
    }
}

async fn listen<H, F>(bus: Bus, source: Source, handler: H, shutdown: CancellationToken)
where
    H: Fn(Letter) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut intake = Intake::open(bus.link(), source);
    loop {
        let arrival = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            arrival = intake.next() => arrival,
        };
        match arrival {
            Some(Arrival::Delivery(mut delivery)) => {
                let letter = wire::letter(&mut delivery, "news");
                let handling = AssertUnwindSafe(async { handler(letter).await });
                if handling.catch_unwind().await.is_err() {
                    error!("the handler of a fact panicked");
                }
                counts::consumed("news", "done");
                acks::done(&delivery.acker).await;
            }
            Some(Arrival::Lost) => {}
            Some(Arrival::Stopped) | None => break,
        }
    }
    intake.close().await;
}
