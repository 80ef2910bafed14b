mod commands;
mod held;
mod news;
mod notices;
mod questions;
mod rounds;
mod setups;

use std::sync::Arc;

use service::Background;

use crate::context::Context;

/// Every job of this service, by name.
pub(crate) fn register(background: &Background, context: &Arc<Context>) {
    commands::register(background, context);
    let c = context.clone();
    background.run("connection news", move |stop| news::run(c.clone(), stop));
    let c = context.clone();
    background.run("notices", move |stop| notices::run(c.clone(), stop));
    let c = context.clone();
    background.run("held bookings", move |stop| held::run(c.clone(), stop));
    let c = context.clone();
    background.run("questions", move |stop| questions::run(c.clone(), stop));
    rounds::register(background, context);
    let c = context.clone();
    background.run("setup questions", move |stop| setups::questions(c.clone(), stop));
    let c = context.clone();
    background.run("setups", move |stop| setups::run(c.clone(), stop));
    let c = context.clone();
    background.run("switching off", move |stop| setups::switch_offs(c.clone(), stop));
}
