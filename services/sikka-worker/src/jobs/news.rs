use std::convert::Infallible;
use std::sync::Arc;

use messages::{Named as _, v1};
use store::DueConnection;
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// Hears that a connection, or the copy behind it, is not what it was. What is missed is forgotten in time anyway.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let bus = context.bus.clone();
    let handler = move |letter: bus::Letter| {
        let context = context.clone();
        async move {
            let Ok(changed) = v1::ConnectionChanged::from_bytes(&letter.body) else { return };
            if let (Ok(tenant), Ok(connection)) = (changed.tenant_id.parse(), changed.connection_id.parse()) {
                let due = DueConnection { tenant, connection };
                match letter.routing_key.as_str() {
                    "connection.refreshed" => context.forget_copy(due),
                    _ => context.forget(due).await,
                }
            }
        }
    };
    bus.subscribe(&["connection.*"], handler, stop).await;
    Ok(())
}
