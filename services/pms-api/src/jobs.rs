mod alert_mail;
mod alert_rules;
mod audit_look;
mod balance;
mod connection_news;
mod figures;
mod parked;
mod refusals;
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
    background.run("alert mail", move |stop| alert_mail::run(c.clone(), stop));
    let c = of(context);
    background.run("alert rules", move |stop| alert_rules::run(c.clone(), stop));
    let c = of(context);
    background.run("audit look", move |stop| audit_look::run(c.clone(), stop));
    let c = of(context);
    background.run("figures", move |stop| figures::run(c.clone(), stop));
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
    background.run("refusals", move |stop| refusals::run(c.clone(), stop));
    let c = of(context);
    background.run("sweep", move |stop| sweep::run(c.clone(), stop));
}
