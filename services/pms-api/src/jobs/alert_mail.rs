use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Data;
use store::{AlertMail, StoreError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::context::Context;

const EVERY: Duration = Duration::from_secs(1);
const AT_ONCE: i64 = 16;
/// More than a receiver may take.
const LEASE_SECONDS: f64 = 60.0;

/// Sends alerts to where they are wanted: once a place, as far as a crash between the answer and its note allows.
/// Then it is sent again, with the same `webhook-id`.
pub(crate) async fn run(context: Data<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    while !stop.is_cancelled() {
        match round(&context).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::warn!(error = %error, "alerts cannot be sent now"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    Ok(())
}

async fn round(context: &Data<Context>) -> Result<usize, StoreError> {
    let mut tx = context.store.machinery().await?;
    tx.spread_alerts(context.mailer.has_operator()).await?;
    let mail = tx.claim_alert_mail(AT_ONCE, LEASE_SECONDS).await?;
    tx.commit().await?;
    let count = mail.len();
    let mut at_work = JoinSet::new();
    for one in mail {
        let context = context.clone();
        at_work.spawn(async move { send(&context, &one).await });
    }
    while let Some(ended) = at_work.join_next().await {
        // One that panicked leaves its lease to run out.
        if let Ok(Err(error)) = ended {
            tracing::warn!(error = %error, "how an alert's delivery ended cannot be noted");
        }
    }
    Ok(count)
}

async fn send(context: &Context, mail: &AlertMail) -> Result<(), StoreError> {
    let sent = context.mailer.send(mail).await;
    let to = if mail.destination.is_some() { "webhook" } else { "slack" };
    metrics::counter!("alert_deliveries_total", "to" => to, "outcome" => sent.word()).increment(1);
    let mut tx = context.store.machinery().await?;
    tx.alert_mail_ended(mail.id, mail.attempt, sent.end()).await?;
    tx.commit().await?;
    tracing::info!(
        delivery.id = %mail.id, alert.id = %mail.alert.id, alert.code = mail.alert.code, delivery.to = to,
        delivery.attempt = mail.attempt, delivery.outcome = sent.word(),
        "an alert was sent, or is to be sent again"
    );
    Ok(())
}
