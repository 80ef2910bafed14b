use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::{Letter, topology};
use messages::{Named as _, v1};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::context::Context;

const EVERY: Duration = Duration::from_millis(500);
/// How often is looked for locations to switch off.
const SWITCH_EVERY: Duration = Duration::from_secs(2);
/// How often those are looked for that a dead process left on their way.
const REAP_EVERY: Duration = Duration::from_secs(30);
/// Longer than any step can take: list, switch, log-in and test.
const LEASE_SECONDS: f64 = 180.0;
const AT_ONCE: i64 = 8;

/// Takes the next steps of offices that are on their way to becoming connections.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let mut looked = None::<Instant>;
    while !stop.is_cancelled() {
        if looked.is_none_or(|at| at.elapsed() >= REAP_EVERY) {
            looked = Some(Instant::now());
            match context.connector.adopt().await {
                Ok(0) => {}
                Ok(adopted) => {
                    tracing::warn!(adopted, "connections that nobody was making any more are taken up");
                }
                Err(error) => tracing::warn!(error = %error, "connections on their way cannot be read"),
            }
        }
        let due = match context.connector.due(AT_ONCE, LEASE_SECONDS).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(error = %error, "the offices to connect cannot be read");
                Vec::new()
            }
        };
        let mut at_work = JoinSet::new();
        for setup in due {
            let context = context.clone();
            at_work.spawn(async move {
                if let Err(error) = context.connector.advance(&setup).await {
                    tracing::warn!(setup.id = %setup.id, error = %error, "a step is left to the next round");
                }
            });
        }
        while at_work.join_next().await.is_some() {}
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    Ok(())
}

/// Switches locations off at the vendor that nobody uses any more.
pub(crate) async fn switch_offs(context: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    while !stop.is_cancelled() {
        if let Err(error) = context.connector.switch_off_due().await {
            tracing::warn!(error = %error, "locations that nobody uses are switched off in the next round");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(SWITCH_EVERY) => {}
        }
    }
    Ok(())
}

/// Answers `pms.setup.sikka`: what people ask for by hand.
pub(crate) async fn questions(context: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let bus = context.bus.clone();
    let handler = move |letter: Letter| {
        let context = context.clone();
        let span = tracing::info_span!("pms.setup", message.id = %letter.message_id);
        if let Some(traceparent) = &letter.traceparent {
            telemetry::trace::follow(&span, traceparent);
        }
        async move {
            let answer = match answer(&context, &letter).await {
                Ok(report) => v1::setup_reply::Answer::Connection(report),
                Err(problem) => v1::setup_reply::Answer::Problem(problem),
            };
            let reply = v1::SetupReply { answer: Some(answer) };
            Letter::new(v1::SetupReply::NAME, reply.to_bytes())
        }
        .instrument(span)
    };
    bus.serve(topology::PMS_SETUP_SIKKA, 16, handler, stop).await;
    Ok(())
}

async fn answer(context: &Context, letter: &Letter) -> Result<v1::ConnectionReport, v1::SetupProblem> {
    let unreadable = || v1::SetupProblem { kind: "unreadable".into(), ..v1::SetupProblem::default() };
    let question = v1::SetupQuestion::from_bytes(&letter.body).map_err(|_| unreadable())?;
    let tenant = question.tenant_id.parse().map_err(|_| unreadable())?;
    let (connector, actor) = (&context.connector, question.actor.as_str());
    match question.ask.ok_or_else(unreadable)? {
        v1::setup_question::Ask::Connect(ask) => Box::pin(connector.connect(tenant, actor, &ask)).await,
        v1::setup_question::Ask::Test(ask) => Box::pin(connector.test(tenant, actor, &ask)).await,
        v1::setup_question::Ask::Choose(ask) => Box::pin(connector.choose(tenant, actor, &ask)).await,
    }
}
