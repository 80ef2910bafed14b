use std::process::ExitCode;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::{Report, Usage};

use super::api_keys::audit;
use crate::cli::{ReportArgs, UsageArgs};
use crate::out::Out;
use crate::place;

/// `switchboard usage`: what each practice has used of its requests.
pub(crate) async fn usage(args: UsageArgs, out: Out) -> anyhow::Result<ExitCode> {
    let store = place::store(&args.target.state).await?;
    if let (Some(connection), Some(per_day)) = (args.quota, args.per_day) {
        let mut tx = store.machinery().await?;
        let tenant = tx.tenant_of(connection).await.context("there is no such connection")?;
        tx.commit().await?;
        let mut tx = store.tenant(tenant).await?;
        tx.set_day_quota(connection, (per_day > 0).then_some(per_day))
            .await
            .context("a quota can be set after the connection's first request")?;
        let detail =
            json!({ "connection": connection.to_string(), "per_day": (per_day > 0).then_some(per_day) });
        audit(&mut tx, "day_quota.set", detail).await?;
        tx.commit().await?;
    }
    let used = match args.tenant {
        Some(tenant) => {
            let mut tx = store.tenant(tenant).await?;
            let used = tx.usage().await?;
            tx.commit().await?;
            used
        }
        None => {
            let mut tx = store.machinery().await?;
            let used = tx.usage().await?;
            tx.commit().await?;
            used
        }
    };
    if used.is_empty() {
        out.say("No practice is connected.");
    }
    for one in &used {
        out.say(line(one));
        out.object(&object(one));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(one: &Usage) -> String {
    let (minute, day) = (one.minute, one.day);
    let limit = |limit: Option<i32>| limit.map_or("no limit known".to_owned(), |most| format!("of {most}"));
    let share = |percent: Option<f64>| percent.map(|percent| format!(", {percent} %")).unwrap_or_default();
    let stopped = day
        .stopped_until
        .map(|until| format!("\n    The vendor says that the day is used up; it is asked again at {until}."))
        .unwrap_or_default();
    format!(
        "{}  {}\n    this minute {} ({}){}, {} free now; today {} ({}){}{stopped}",
        one.connection,
        one.name,
        minute.used,
        limit(minute.limit),
        share(minute.percent()),
        minute.remaining.map_or("?".to_owned(), |free| free.to_string()),
        day.used,
        limit(day.limit),
        share(day.percent()),
    )
}

fn object(one: &Usage) -> Value {
    let (minute, day) = (one.minute, one.day);
    json!({
        "tenant": one.tenant.to_string(), "practice_id": one.practice.to_string(), "practice": one.name,
        "connection": one.connection.to_string(), "advertised": one.advertised,
        "minute": {
            "requests_used": minute.used, "remaining": minute.remaining, "percent": minute.percent(),
            "window_start": minute.window_start.to_string(), "limit": minute.limit,
        },
        "day": {
            "requests_used": day.used, "remaining": day.remaining, "percent": day.percent(),
            "window_start": day.window_start.to_string(), "limit": day.limit,
            "stopped_until": day.stopped_until.map(|at| at.to_string()),
        },
    })
}

/// `switchboard report NAME`: the questions an operator asks often.
pub(crate) async fn report(args: ReportArgs, out: Out) -> anyhow::Result<ExitCode> {
    let report = Report::from(args.name);
    let since = args.since.unwrap_or_else(|| Timestamp::now() - SignedDuration::from_hours(24));
    let store = place::store(&args.target.state).await?;
    let lines = match args.tenant {
        Some(tenant) => {
            let mut tx = store.tenant(tenant).await?;
            let lines = tx.report(report, since).await?;
            tx.commit().await?;
            lines
        }
        None => {
            let mut tx = store.machinery().await?;
            let lines = tx.report(report, since).await?;
            tx.commit().await?;
            lines
        }
    };
    out.say(report.about());
    if lines.is_empty() {
        out.say("There is nothing to tell.");
    }
    for line in &lines {
        out.say(as_text(line));
        out.object(line);
    }
    Ok(ExitCode::SUCCESS)
}

/// One line for a person: every figure with its name.
fn as_text(line: &Value) -> String {
    let fields = line.as_object().into_iter().flatten();
    let fields: Vec<String> = fields
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name} {text}"),
            other => format!("{name} {other}"),
        })
        .collect();
    format!("    {}", fields.join("  "))
}
