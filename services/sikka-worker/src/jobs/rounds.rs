//! The timers: what a lost message, a crash or a slow vendor left behind is found by looking at the
//! rows, whoever wrote them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use domain::WritebackState as S;
use service::Background;
use store::DueConnection;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use writebacks::CarryError;

use super::commands::send_all;
use crate::context::Context;

/// Practices looked at at once.
const AT_ONCE: usize = 16;

/// One timer a state that somebody must leave, and one for what nobody finished.
pub(crate) fn register(background: &Background, context: &Arc<Context>) {
    let timers = [
        ("round: send", S::Queued, Duration::from_millis(500)),
        ("round: look", S::Submitted, Duration::from_millis(250)),
        ("round: look for lost", S::Unknown, Duration::from_millis(500)),
    ];
    for (name, state, every) in timers {
        let context = context.clone();
        background.run(name, move |stop| run(context.clone(), state, every, stop));
    }
    let context = context.clone();
    background.run("round: reap", move |stop| reap(context.clone(), stop));
}

async fn run(
    context: Arc<Context>,
    state: S,
    every: Duration,
    stop: CancellationToken,
) -> Result<(), CarryError> {
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    while !stop.is_cancelled() {
        let due = context.carrier.due(state).await?;
        let mut at_work = JoinSet::new();
        for due in due {
            let (context, gate) = (context.clone(), gate.clone());
            at_work.spawn(async move {
                let _place = gate.acquire_owned().await;
                if let Err(error) = one(&context, state, due).await {
                    tracing::warn!(connection.id = %due.connection, error = %error, "a round was cut short");
                }
            });
        }
        while at_work.join_next().await.is_some() {}
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
    Ok(())
}

async fn one(context: &Context, state: S, due: DueConnection) -> Result<(), CarryError> {
    match state {
        S::Submitted => context.carrier.look(due).await?,
        S::Unknown => context.carrier.look_for_lost(due).await?,
        _ => send_all(context, due).await?,
    }
    context.relay.poke();
    Ok(())
}

async fn reap(context: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    while !stop.is_cancelled() {
        match context.carrier.reap().await {
            Ok(0) => {}
            Ok(_) => context.relay.poke(),
            Err(error) => tracing::warn!(error = %error, "nobody's writes could not be reaped"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
    Ok(())
}
