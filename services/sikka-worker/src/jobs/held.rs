//! The days of bookings that are done and still held: a new copy may show them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use domain::Window;
use jiff::tz::TimeZone;
use pms::DayBookQuery;
use store::DueConnection;
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// One refresh of a copy is told several times, by its kinds of record: they are answered together.
const JOINED: Duration = Duration::from_secs(1);

/// Reads what was told of, once however often it was told.
pub(super) async fn run(context: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    while !stop.is_cancelled() {
        let due = context.to_read(JOINED);
        if !due.is_empty() {
            read(&context, |one| due.contains(one)).await;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(JOINED / 4) => {}
        }
    }
    Ok(())
}

/// Reads the days of held bookings of the connections that `is_meant` says.
pub(super) async fn read(context: &Context, is_meant: impl Fn(&DueConnection) -> bool) {
    let held = match context.carrier.held_days().await {
        Ok(held) => held,
        Err(error) => {
            tracing::warn!(error = %error, "held bookings are left to the timer");
            return;
        }
    };
    for (due, covers) in joined(held.into_iter().filter(|(whose, _)| is_meant(whose)).collect()) {
        // What was seen is settled where the calendar is read.
        if let Err(error) = context.calendar(due, DayBookQuery { covers }).await {
            tracing::warn!(connection.id = %due.connection, error = %error, "held bookings cannot be looked for");
        }
    }
}

/// One window for each connection and day, however many bookings lie in it.
fn joined(mut held: Vec<(DueConnection, Window)>) -> Vec<(DueConnection, Window)> {
    let day = |at: jiff::Timestamp| at.to_zoned(TimeZone::UTC).date();
    held.sort_by_key(|(due, window)| (due.tenant.uuid(), due.connection.uuid(), window.start));
    let mut joined: Vec<(DueConnection, Window)> = Vec::new();
    for (due, window) in held {
        match joined.last_mut() {
            Some((last, covers)) if *last == due && day(covers.start) == day(window.start) => {
                covers.end = covers.end.max(window.end);
            }
            _ => joined.push((due, window)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use domain::{ConnectionId, TenantId};

    use super::*;

    #[test]
    fn p9_many_held_bookings_of_a_day_are_one_reading() {
        let due = || DueConnection { tenant: TenantId::new(), connection: ConnectionId::new() };
        let (mine, theirs) = (due(), due());
        let window = |from: &str, to: &str| Window { start: from.parse().unwrap(), end: to.parse().unwrap() };
        let morning = window("2026-11-23T14:00:00Z", "2026-11-23T14:30:00Z");
        let evening = window("2026-11-23T20:00:00Z", "2026-11-23T21:00:00Z");
        let tomorrow = window("2026-11-24T14:00:00Z", "2026-11-24T14:30:00Z");
        let found = joined(vec![(mine, evening), (theirs, morning), (mine, tomorrow), (mine, morning)]);
        assert_eq!(found.len(), 3);
        assert!(found.contains(&(mine, window("2026-11-23T14:00:00Z", "2026-11-23T21:00:00Z"))));
        assert!(found.contains(&(mine, tomorrow)) && found.contains(&(theirs, morning)));
    }
}
