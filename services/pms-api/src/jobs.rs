mod balance;
mod connection_news;
mod parked;
mod sweep;
mod tools_call;
mod voice_webhooks;
mod writeback_news;

use actix_web::web::Data;
use service::Background;

use crate::context::Context;

/// Every job of this service, by name.
pub(crate) fn register(background: &Background, context: &Data<Context>) {
    let of = |context: &Data<Context>| context.clone();
    let c = of(context);
    background.run("webhook balance", move |stop| balance::run(c.clone(), stop));
    let c = of(context);
    background.run("connection news", move |stop| connection_news::run(c.clone(), stop));
    let c = of(context);
    background.run("parked letters", move |stop| parked::run(c.clone(), stop));
    let c = of(context);
    background.run("tool calls", move |stop| tools_call::run(c.clone(), stop));
    let c = of(context);
    background.run("voice webhooks", move |stop| voice_webhooks::run(c.clone(), stop));
    let c = of(context);
    background.run("writeback news", move |stop| writeback_news::run(c.clone(), stop));
    let c = of(context);
    background.run("sweep", move |stop| sweep::run(c.clone(), stop));
}
