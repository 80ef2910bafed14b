use std::convert::Infallible;

use actix_web::web::Data;
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// Hears that a connection is not what it was. They are few: all that is remembered goes.
pub(crate) async fn run(context: Data<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let bus = context.bus.clone();
    let handler = move |_: bus::Letter| {
        let context = context.clone();
        async move {
            context.desks.forget();
            context.staff_names.forget();
        }
    };
    bus.subscribe(&["connection.changed"], handler, stop).await;
    Ok(())
}
