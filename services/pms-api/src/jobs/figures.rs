use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Data;
use jiff::{SignedDuration, Timestamp};
use metrics::Label;
use serde_json::Value;
use store::{Report, StoreError};
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// Not with every scrape: each look reads an hour of records.
const EVERY: Duration = Duration::from_mins(1);

/// A gauge's name and its labels.
type Series = (&'static str, Vec<(&'static str, String)>);

/// Shows the figures of the operator's reports as metrics, over the last hour.
pub(crate) async fn run(context: Data<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let mut shown: BTreeMap<Series, f64> = BTreeMap::new();
    while !stop.is_cancelled() {
        match figures(&context).await {
            Ok(now) => {
                renew(&mut shown, now);
                for ((name, labels), value) in &shown {
                    let labels: Vec<Label> =
                        labels.iter().map(|(label, value)| Label::new(*label, value.clone())).collect();
                    metrics::gauge!(*name, labels).set(*value);
                }
            }
            Err(error) => tracing::warn!(error = %error, "the reports' figures cannot be read"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    Ok(())
}

/// A series that is no longer there has become nothing, and must not stay what it was.
fn renew(shown: &mut BTreeMap<Series, f64>, now: BTreeMap<Series, f64>) {
    shown.values_mut().for_each(|value| *value = 0.0);
    shown.extend(now);
}

async fn figures(context: &Context) -> Result<BTreeMap<Series, f64>, StoreError> {
    let since = Timestamp::now() - SignedDuration::from_hours(1);
    let mut tx = context.store.machinery().await?;
    let actions = tx.report(Report::SuccessRate, since).await?;
    let access = tx.report(Report::PatientAccess, since).await?;
    let failed = tx.report(Report::FailedWritebacks, since).await?;
    let expiring = tx.report_size(Report::TokensExpiring, since).await?;
    let stuck = tx.report_size(Report::StuckWritebacks, since).await?;
    let parked = tx.parked_alert_mail().await?;
    tx.commit().await?;
    let mut figures: BTreeMap<Series, f64> = BTreeMap::new();
    let mut add = |name: &'static str, labels: &[(&'static str, &str)], value: f64| {
        let labels = labels.iter().map(|(label, value)| (*label, (*value).to_owned())).collect();
        *figures.entry((name, labels)).or_insert(0.0) += value;
    };
    for line in &actions {
        let (total, good, bad) = (number(line, "total"), number(line, "succeeded"), number(line, "failed"));
        for (result, count) in [("succeeded", good), ("failed", bad), ("other", total - good - bad)] {
            let labels = [("action", word(line, "action")), ("side", word(line, "side")), ("result", result)];
            add("report_actions_last_hour", &labels, count);
        }
    }
    for line in &access {
        add("report_patient_access_last_hour", &[("action", word(line, "action"))], number(line, "times"));
    }
    for line in &failed {
        let labels = [("operation", word(line, "operation")), ("reason", word(line, "reason"))];
        add("report_writebacks_failed_last_hour", &labels, number(line, "writes"));
    }
    add("report_tokens_expiring", &[], count(expiring));
    add("report_writebacks_stuck", &[], count(stuck));
    add("alert_deliveries_parked", &[], count(parked));
    Ok(figures)
}

fn word<'a>(line: &'a Value, name: &str) -> &'a str {
    line[name].as_str().unwrap_or_default()
}

fn number(line: &Value, name: &str) -> f64 {
    line[name].as_f64().unwrap_or(0.0)
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
const fn count(rows: i64) -> f64 {
    rows as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_longer_wrong_is_shown_as_nothing() {
        let one = |name: &'static str, value| ((name, vec![("reason", "slot_taken".to_owned())]), value);
        let mut shown = BTreeMap::from([one("failed", 7.0), one("stuck", 2.0)]);
        renew(&mut shown, BTreeMap::from([one("stuck", 3.0), one("new", 1.0)]));
        assert_eq!(shown, BTreeMap::from([one("failed", 0.0), one("stuck", 3.0), one("new", 1.0)]));
    }
}
