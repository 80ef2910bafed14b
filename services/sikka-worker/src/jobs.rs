mod commands;
mod questions;
mod rounds;

use std::sync::Arc;

use service::Background;

use crate::context::Context;

/// Every job of this service, by name.
pub(crate) fn register(background: &Background, context: &Arc<Context>) {
    commands::register(background, context);
    let c = context.clone();
    background.run("questions", move |stop| questions::run(c.clone(), stop));
    rounds::register(background, context);
}
