use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Data;
use store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::context::Context;

const EVERY: Duration = Duration::from_hours(6);

/// Forgets what has had its time, so that no table of the machinery grows for ever.
pub(crate) async fn run(context: Data<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    while !stop.is_cancelled() {
        match sweep(&context).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "old rows of the machinery were swept"),
            Err(error) => tracing::warn!(error = %error, "old rows could not be swept"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    Ok(())
}

async fn sweep(context: &Context) -> Result<usize, StoreError> {
    let mut tx = context.store.machinery().await?;
    let rows = tx.sweep(context.settings.keep_days).await? + tx.sweep_identities().await?;
    tx.commit().await?;
    Ok(rows)
}
