use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Data;
use store::{AlertLane, AlertMail, StoreError};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::context::Context;

const EVERY: Duration = Duration::from_secs(1);
/// On their way at once to tenants' webhooks, and of these to one tenant's.
const WEBHOOKS: usize = 16;
const OF_A_TENANT: i64 = 4;
/// On their way at once to the operator's channel, which waits for nobody's webhook.
const OPERATORS: usize = 4;
/// More than a receiver may take.
const LEASE_SECONDS: f64 = 60.0;

type AtWork = JoinSet<Result<(), StoreError>>;

/// Sends alerts to where they are wanted: once a place, as far as a crash between the answer and its note allows.
/// Then it is sent again, with the same `webhook-id`.
pub(crate) async fn run(context: Data<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let (mut webhooks, mut operators) = (AtWork::new(), AtWork::new());
    while !stop.is_cancelled() {
        if let Err(error) = claim(&context, &mut webhooks, &mut operators).await {
            tracing::warn!(error = %error, "alerts cannot be sent now");
        }
        // Whenever one has ended there is room for another: a slow place holds up none but itself.
        tokio::select! {
            () = stop.cancelled() => {}
            Some(ended) = webhooks.join_next() => note(&ended),
            Some(ended) = operators.join_next() => note(&ended),
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    for mut at_work in [webhooks, operators] {
        while let Some(ended) = at_work.join_next().await {
            note(&ended);
        }
    }
    Ok(())
}

/// Fills both lanes.
async fn claim(
    context: &Data<Context>,
    webhooks: &mut AtWork,
    operators: &mut AtWork,
) -> Result<(), StoreError> {
    let mut tx = context.store.machinery().await?;
    tx.spread_alerts(context.mailer.has_operator()).await?;
    let mut mail = Vec::new();
    for (at_work, lane, most) in [
        (&mut *operators, AlertLane::Operator, OPERATORS),
        (&mut *webhooks, AlertLane::Webhooks { each: OF_A_TENANT }, WEBHOOKS),
    ] {
        let room = i64::try_from(most.saturating_sub(at_work.len())).unwrap_or_default();
        if room > 0 {
            mail.push((at_work, tx.claim_alert_mail(lane, room, LEASE_SECONDS).await?));
        }
    }
    tx.commit().await?;
    for (at_work, mail) in mail {
        for one in mail {
            let context = context.clone();
            at_work.spawn(async move { send(&context, &one).await });
        }
    }
    Ok(())
}

/// One that panicked leaves its lease to run out.
fn note(ended: &Result<Result<(), StoreError>, JoinError>) {
    if let Ok(Err(error)) = ended {
        tracing::warn!(error = %error, "how an alert's delivery ended cannot be noted");
    }
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
