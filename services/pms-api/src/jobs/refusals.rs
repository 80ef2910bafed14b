use std::convert::Infallible;

use actix_web::web::Data;
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// Records how often callers were refused again.
pub(crate) async fn run(context: Data<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    loop {
        let is_over = stop.is_cancelled();
        if let Err(error) = context.refusals.record_counts(&context.store, is_over).await {
            tracing::warn!(error = %error, "how often callers were refused cannot be recorded now");
        }
        if is_over {
            return Ok(());
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(context.refusals.every()) => {}
        }
    }
}
