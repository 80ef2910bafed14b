//! The timers: what a lost message, a crash or a slow vendor left behind is found by looking at the
//! rows, whoever wrote them.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use domain::WritebackState as S;
use jiff::Timestamp;
use service::Background;
use store::DueConnection;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use writebacks::CarryError;

use super::commands::send_all;
use crate::context::Context;

/// Practices looked at at once.
const AT_ONCE: usize = 32;

/// One timer a state that somebody must leave, one for what nobody finished, and one for bookings
/// that the practice's copy must show one day.
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
    let c = context.clone();
    background.run("round: reap", move |stop| reap(c.clone(), stop));
    let c = context.clone();
    background.run("round: replays", move |stop| replays(c.clone(), stop));
    let c = context.clone();
    background.run("round: night and tasks", move |stop| night_and_tasks(c.clone(), stop));
    let c = context.clone();
    background.run("round: settle holds", move |stop| settle_holds(c.clone(), stop));
}

/// A practice that is slow holds up itself alone: the next round leaves it out and goes on.
async fn run(
    context: Arc<Context>,
    state: S,
    every: Duration,
    stop: CancellationToken,
) -> Result<(), CarryError> {
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut in_hand: HashSet<DueConnection> = HashSet::new();
    let mut at_work: JoinSet<DueConnection> = JoinSet::new();
    while !stop.is_cancelled() {
        for due in context.carrier.due(state).await? {
            if !in_hand.insert(due) {
                continue;
            }
            let (context, gate) = (context.clone(), gate.clone());
            at_work.spawn(async move {
                let _place = gate.acquire_owned().await;
                if let Err(error) = one(&context, state, due).await {
                    tracing::warn!(connection.id = %due.connection, error = %error, "a round was cut short");
                }
                due
            });
        }
        let pause = tokio::time::sleep(every);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = &mut pause => break,
                Some(done) = at_work.join_next() => match done {
                    Ok(due) => { in_hand.remove(&due); }
                    // One that panicked cannot say which it was: all are looked at anew.
                    Err(_) => in_hand.clear(),
                },
            }
        }
    }
    while at_work.join_next().await.is_some() {}
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
        pause(Duration::from_secs(1), &stop).await;
    }
    Ok(())
}

/// Works the runs of replays off, each at its own rate.
async fn replays(context: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    while !stop.is_cancelled() {
        match context.carrier.work_runs_off().await {
            Ok(0) => {}
            Ok(_) => context.relay.poke(),
            Err(error) => tracing::warn!(error = %error, "a run of replays was cut short"),
        }
        pause(Duration::from_millis(500), &stop).await;
    }
    Ok(())
}

/// Tells staff in time, and tries again at night.
async fn night_and_tasks(context: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    while !stop.is_cancelled() {
        if let Err(error) = context.carrier.warn_staff().await {
            tracing::warn!(error = %error, "staff could not be told of late writes");
        }
        match context.carrier.retry_at_night(Timestamp::now()).await {
            Ok(0) => {}
            Ok(writebacks) => {
                tracing::info!(writebacks, "failed writes are tried again in their practices' night");
                context.relay.poke();
            }
            Err(error) => tracing::warn!(error = %error, "a night's replays were cut short"),
        }
        pause(Duration::from_secs(20), &stop).await;
    }
    Ok(())
}

/// Reads the days of bookings that are done and still held, whether or not anybody asks about them: each time in
/// one of the workers, because what it sees is written down for all.
async fn settle_holds(context: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let every = Duration::from_secs(context.settings.settle_seconds);
    while !stop.is_cancelled() {
        match context.carrier.settles_holds_now(every).await {
            Ok(true) => super::held::read(&context, |_| true).await,
            Ok(false) => {}
            Err(error) => tracing::warn!(error = %error, "held bookings are left to the next round"),
        }
        pause(every / 4, &stop).await;
    }
    Ok(())
}

async fn pause(time: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(time) => {}
    }
}
