use std::convert::Infallible;

use actix_web::web::Data;
use messages::{Named as _, v1};
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// Hears of writes that moved, and wakes whoever waits for them.
pub(crate) async fn run(context: Data<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let bus = context.bus.clone();
    let handler = move |letter: bus::Letter| {
        let context = context.clone();
        async move {
            let id = v1::WritebackChanged::from_bytes(&letter.body)
                .ok()
                .and_then(|changed| changed.writeback_id.parse().ok());
            if let Some(id) = id {
                context.news.tell(id);
            }
        }
    };
    bus.subscribe(&["writeback.*"], handler, stop).await;
    Ok(())
}
