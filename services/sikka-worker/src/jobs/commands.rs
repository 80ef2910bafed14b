use std::convert::Infallible;
use std::sync::Arc;

use bus::{ConsumeOptions, Letter, Outcome, topology};
use messages::{Named as _, v1};
use service::Background;
use store::DueConnection;
use tokio_util::sync::CancellationToken;
use writebacks::CarryError;

use crate::context::Context;

/// One consumer a queue.
pub(crate) fn register(background: &Background, context: &Arc<Context>) {
    for queue in topology::SIKKA_COMMANDS {
        let context = context.clone();
        background.run(queue, move |stop| run(context.clone(), queue, stop));
    }
}

async fn run(context: Arc<Context>, queue: &'static str, stop: CancellationToken) -> Result<(), Infallible> {
    let bus = context.bus.clone();
    let options = ConsumeOptions { prefetch: 32, ..ConsumeOptions::default() };
    let handler = move |letter: Letter| {
        let context = context.clone();
        async move {
            let due = match read(&letter) {
                Ok(due) => due,
                Err(reason) => return Outcome::Park(reason),
            };
            // The row is the truth: a round will find it whatever becomes of this letter.
            if let Err(error) = send_all(&context, due).await {
                tracing::warn!(connection.id = %due.connection, error = %error, "a command is left to the rounds");
            }
            Outcome::Done
        }
    };
    bus.consume(queue, options, handler, stop).await;
    Ok(())
}

/// Sends what the practice has waiting, in order, one after the other.
pub(crate) async fn send_all(context: &Context, due: DueConnection) -> Result<(), CarryError> {
    while context.carrier.send_next(due).await? {
        context.relay.poke();
    }
    Ok(())
}

fn read(letter: &Letter) -> Result<DueConnection, String> {
    let command = v1::WritebackRequested::from_bytes(&letter.body).map_err(|error| error.to_string())?;
    Ok(DueConnection {
        tenant: command.tenant_id.parse().map_err(|_| "tenant_id is not an id".to_owned())?,
        connection: command.connection_id.parse().map_err(|_| "connection_id is not an id".to_owned())?,
    })
}
