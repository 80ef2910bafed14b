//! What is worth an alert, and that it is told once.

use domain::{AlertKind, WritebackId};
use messages::{Named as _, v1};
use store::{AlertFilter, AlertRules, NewAlert, StoreError};

use crate::rig::{Clinic, Rig, booking};

fn new(clinic: Clinic, kind: AlertKind) -> NewAlert<'static> {
    NewAlert { connection: Some(clinic.connection), kind, happened: "Something happened." }
}

async fn findings(rig: &Rig) -> Vec<(&'static str, i64, Option<i64>)> {
    let mut tx = rig.store.machinery().await.unwrap();
    let found = tx.alert_findings(&AlertRules::default()).await.unwrap();
    tx.commit().await.unwrap();
    found.iter().map(|one| (one.kind.code(), one.count, one.of)).collect()
}

/// The routing keys of what waits to be published.
async fn letters(rig: &Rig) -> Vec<String> {
    let rows = rig.owner.query("SELECT routing_key FROM outbox ORDER BY id", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_raised_once_told_on_the_bus_and_closed_once() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let alert = new(clinic, AlertKind::Reauthorise);
    for is_new in [true, false, false] {
        let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
        assert_eq!(tx.raise(&alert).await.unwrap(), is_new);
        tx.commit().await.unwrap();
    }
    assert_eq!(letters(&rig).await, ["alert.raised"]);
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    for _ in 0..2 {
        tx.clear(alert.connection, AlertKind::Reauthorise).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(letters(&rig).await, ["alert.raised", "alert.resolved"]);
    let mut tx = rig.store.machinery().await.unwrap();
    let told = tx.claim_outbox(10, 1.0).await.unwrap();
    let raised = v1::AlertRaised::from_bytes(&told[0].body).unwrap();
    assert_eq!((raised.tenant_id, raised.code.as_str()), (clinic.tenant.to_string(), "reauthorise"));
    assert_eq!(raised.happened, "Something happened.");
    let resolved = v1::AlertResolved::from_bytes(&told[1].body).unwrap();
    assert_eq!((resolved.alert_id, resolved.resolved_by.as_str()), (raised.alert_id, "switchboard"));
    assert_eq!(told[0].tenant, Some(clinic.tenant));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_raise_the_same_alert_at_once_raise_one() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let store = rig.store.clone();
        tasks.spawn(async move {
            let mut tx = store.machinery().await.unwrap();
            let alert = new(clinic, AlertKind::WritebacksStuck);
            let is_new = tx.raise(Some(clinic.tenant), &alert).await.unwrap();
            tx.commit().await.unwrap();
            usize::from(is_new)
        });
    }
    assert_eq!(tasks.join_all().await.iter().sum::<usize>(), 1);
    assert_eq!(letters(&rig).await, ["alert.raised"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_tenant_sees_and_closes_its_own_alerts_alone_and_nobody_the_installations() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    let mut tx = rig.store.machinery().await.unwrap();
    tx.raise(Some(mine.tenant), &new(mine, AlertKind::TokenExpiring)).await.unwrap();
    let own = NewAlert { connection: None, kind: AlertKind::WebhooksUnbalanced, happened: "x" };
    for is_new in [true, false] {
        assert_eq!(tx.raise(None, &own).await.unwrap(), is_new);
    }
    let all = tx.open_alerts().await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(all.len(), 2);
    let filter = AlertFilter { open: None, after: None, most: 10 };
    for (clinic, seen) in [(mine, 1), (theirs, 0)] {
        let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
        assert_eq!(tx.alerts(filter).await.unwrap().len(), seen);
        tx.commit().await.unwrap();
    }
    let mut tx = rig.store.tenant(theirs.tenant).await.unwrap();
    for alert in &all {
        assert!(matches!(tx.alert(alert.id).await, Err(StoreError::NotFound)));
        assert!(matches!(tx.resolve_alert(alert.id, "me").await, Err(StoreError::NotFound)));
    }
    tx.commit().await.unwrap();
    let mut tx = rig.store.tenant(mine.tenant).await.unwrap();
    for is_first in [true, false] {
        assert_eq!(tx.resolve_alert(all[0].id, "api key key_1").await.unwrap(), is_first);
    }
    let closed = tx.alert(all[0].id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(closed.cleared_by.as_deref(), Some("api key key_1"));
    assert_eq!((closed.practice.as_deref(), closed.subject().len() > 10), (Some("mine"), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_told_of_when_it_cannot_be_refreshed_when_it_is_about_to_end_and_when_it_is_dead() {
    let rig = Rig::new().await;
    rig.clinic("mine").await;
    let set = async |sql: &str| {
        rig.owner.batch_execute(&format!("UPDATE pms_connections SET {sql}")).await.unwrap();
        findings(&rig).await
    };
    assert_eq!(
        set("token_expires_at = now() + interval '12 h', refresh_due_at = now() + interval '1 h'").await,
        []
    );
    // A key that lives an hour is refreshed at half of it, and is nothing to tell of.
    assert_eq!(
        set("token_expires_at = now() + interval '1 h', refresh_due_at = now() + interval '30 min'").await,
        []
    );
    let expiring = set("refresh_due_at = now() - interval '6 min'").await;
    assert_eq!(expiring, [("token_expiring", 0, None)], "nobody refreshes it");
    let failing = set("refresh_failures = 7, refresh_due_at = now() + interval '3 min'").await;
    assert_eq!(failing, [("token_expiring", 7, None)], "it is tried, and fails");
    let failing = set("refresh_failures = 8, token_expires_at = now() + interval '5 h'").await;
    assert_eq!(failing, [("refresh_failing", 8, None)]);
    // Where it is the vendor, one alert says so for all.
    let mut tx = rig.store.machinery().await.unwrap();
    assert_eq!(tx.refreshes_failing("sikka", 8).await.unwrap(), 1);
    assert_eq!(tx.refreshes_failing("sikka", 9).await.unwrap(), 0);
    let down = NewAlert { connection: None, kind: AlertKind::VendorDown, happened: "It gives no keys." };
    tx.raise(None, &down).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(findings(&rig).await, []);
    // A limit puts a refresh off without failing; with the key's end so near it is told of all the same.
    let put_off =
        "refresh_failures = 0, last_error = 'rate_limited', token_expires_at = now() + interval '1 h'";
    assert_eq!(set(put_off).await, [("token_expiring", 0, None)]);
    assert_eq!(set("status = 'reauthorise'").await, [("reauthorise", 0, None)]);
    assert_eq!(set("status = 'disabled', refresh_failures = 9").await, []);
    let mut tx = rig.store.machinery().await.unwrap();
    assert_eq!(tx.refreshes_failing("sikka", 8).await.unwrap(), 0, "nobody waits for a key of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_keys_that_are_due_the_one_that_ends_sooner_is_refreshed_first() {
    let rig = Rig::new().await;
    let (late, soon) = (rig.clinic("late").await, rig.clinic("soon").await);
    for (clinic, hours) in [(late, 5), (soon, 1)] {
        let sql = format!(
            "UPDATE pms_connections SET refresh_due_at = now(), token_expires_at = now() + interval '{hours} h'
             WHERE id = '{}'",
            clinic.connection.uuid()
        );
        rig.owner.batch_execute(&sql).await.unwrap();
    }
    let mut tx = rig.store.machinery().await.unwrap();
    for clinic in [soon, late] {
        let due = tx.claim_due_refreshes("sikka", 1, 60.0).await.unwrap();
        assert_eq!(due[0].connection, clinic.connection);
    }
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_are_stuck_when_nothing_is_planned_for_them_and_failing_when_too_many_fail() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let write = rig.writeback(clinic, b"one").await;
    let set = async |sql: &str| {
        let sql = format!("UPDATE pms_writebacks SET {sql} WHERE id = '{}'", write.uuid());
        rig.owner.batch_execute(&sql).await.unwrap();
        findings(&rig).await
    };
    assert_eq!(set("created_at = now() - interval '29 min'").await, []);
    let stuck = set("created_at = now() - interval '31 min'").await;
    assert_eq!(stuck, [("writebacks_stuck", 1, None)]);
    assert_eq!(
        set("next_check_at = now() + interval '5 min'").await,
        [],
        "it waits for the practice's server"
    );
    assert_eq!(set("state = 'submitted'").await, [("writebacks_stuck", 1, None)]);
    assert_eq!(set("state = 'succeeded', finished_at = now()").await, []);
    for number in 0..20 {
        let id = WritebackId::new();
        let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
        tx.add_writeback(&booking(clinic, id, format!("{number}").as_bytes())).await.unwrap();
        tx.commit().await.unwrap();
        let state = if number < 2 { "failed" } else { "succeeded" };
        let sql = format!(
            "UPDATE pms_writebacks SET state = '{state}', finished_at = now() WHERE id = '{}'",
            id.uuid()
        );
        rig.owner.batch_execute(&sql).await.unwrap();
    }
    assert_eq!(findings(&rig).await, [], "two of 21 are too few to be a trend");
    assert_eq!(
        set("state = 'parked'").await,
        [("writebacks_failing", 3, Some(21)), ("writeback_parked", 1, None)]
    );
    assert_eq!(set("state = 'failed'").await, [("writebacks_failing", 3, Some(21))]);
    assert_eq!(set("reason = 'settled_by_staff'").await, [], "a person ended it");
    rig.owner.batch_execute("UPDATE pms_writebacks SET finished_at = now() - interval '25 h'").await.unwrap();
    assert_eq!(findings(&rig).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_on_purpose_behind_the_first_in_line_or_for_the_practices_records_is_not_stuck() {
    const ONE: [(&str, i64, Option<i64>); 1] = [("writebacks_stuck", 1, None)];
    const BOTH: [(&str, i64, Option<i64>); 1] = [("writebacks_stuck", 2, None)];
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let (first, second) = (rig.writeback(clinic, b"one").await, rig.writeback(clinic, b"two").await);
    let set = async |id: WritebackId, sql: &str| {
        let sql = format!("UPDATE pms_writebacks SET {sql} WHERE id = '{}'", id.uuid());
        rig.owner.batch_execute(&sql).await.unwrap();
        findings(&rig).await
    };
    set(first, "created_at = now() - interval '31 min'").await;
    assert_eq!(set(second, "created_at = now() - interval '31 min'").await, BOTH);
    let for_tomorrow = "reason = 'rate_limited', next_check_at = now() + interval '9 h'";
    assert_eq!(set(first, for_tomorrow).await, [], "the second waits for the day's requests as well");
    assert_eq!(set(first, "next_check_at = now()").await, BOTH);
    let taken = "state = 'submitted', last_sent_at = now() - interval '29 min'";
    assert_eq!(set(first, taken).await, [], "one after the other is sent");
    let long_ago = "last_sent_at = now() - interval '31 min'";
    assert_eq!(set(first, long_ago).await, BOTH, "an outcome is missing, and the line stands");
    assert_eq!(set(second, "state = 'succeeded', finished_at = now()").await, ONE);
    // Where nothing but the records tells that it is done.
    assert_eq!(set(first, "reason = 'not_in_records_yet'").await, []);
    let yesterday = "created_at = now() - interval '3 days', last_sent_at = now() - interval '25 h'";
    assert_eq!(set(first, yesterday).await, []);
    assert_eq!(set(first, "last_sent_at = now() - interval '27 h'").await, ONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_set_aside_is_told_of_until_somebody_takes_it_up_or_gives_it_up() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let write = rig.writeback(clinic, b"one").await;
    let park = "UPDATE pms_writebacks SET state = 'parked', finished_at = now()";
    rig.owner.batch_execute(park).await.unwrap();
    assert_eq!(findings(&rig).await, [("writeback_parked", 1, None)]);
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.add_drop(write, "not_wanted", "They called again.", "ann").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(findings(&rig).await, []);
}

/// A write that came to its end so many minutes ago.
async fn ended(rig: &Rig, clinic: Clinic, minutes: i32, state: &str) {
    let id = rig.writeback(clinic, format!("{minutes} {state}").as_bytes()).await;
    let sql = format!(
        "UPDATE pms_writebacks SET state = '{state}', finished_at = now() - make_interval(mins => {minutes}) WHERE id = '{}'",
        id.uuid()
    );
    rig.owner.batch_execute(&sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_practice_whose_every_write_fails_is_told_of_though_no_hour_has_three() {
    let rig = Rig::new().await;
    let (small, large) = (rig.clinic("small").await, rig.clinic("large").await);
    for minutes in [10, 70, 80] {
        ended(&rig, large, minutes, "failed").await;
    }
    for minutes in 1..=20 {
        ended(&rig, large, minutes, "succeeded").await;
    }
    for minutes in [20, 40] {
        ended(&rig, small, minutes, "failed").await;
    }
    assert_eq!(findings(&rig).await, [], "one of 21 in the hour, and two of two");
    for minutes in [80, 100, 140, 160] {
        ended(&rig, small, minutes, "failed").await;
    }
    assert_eq!(findings(&rig).await, [("writebacks_failing", 6, Some(6))]);
    for minutes in 1..=18 {
        ended(&rig, small, minutes, "succeeded").await;
    }
    assert_eq!(findings(&rig).await, [], "of its latest 20 two failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_fail_everywhere_are_told_of_though_no_practice_has_many() {
    let rig = Rig::new().await;
    let everywhere = async || {
        let mut tx = rig.store.machinery().await.unwrap();
        tx.failing_everywhere(&AlertRules::default()).await.unwrap()
    };
    let first = rig.clinic("first").await;
    for number in 1..10 {
        let clinic = rig.clinic(&format!("clinic-{number}")).await;
        ended(&rig, clinic, number, "failed").await;
    }
    assert_eq!(everywhere().await, None, "nine");
    ended(&rig, first, 61, "failed").await;
    assert_eq!(everywhere().await, None, "one was an hour before");
    ended(&rig, first, 5, "parked").await;
    assert_eq!(everywhere().await, Some((10, 10)));
    assert!(findings(&rig).await.iter().all(|(code, ..)| *code != "writebacks_failing"));
    let well = "INSERT INTO pms_writebacks (id, tenant_id, connection_id, operation, payload, fingerprint, reference,
                    deadline_at, state, finished_at)
                SELECT gen_random_uuid(), tenant_id, connection_id, operation, payload, number::text::bytea, reference,
                    deadline_at, 'succeeded', now()
                FROM (SELECT * FROM pms_writebacks LIMIT 1) one, generate_series(1, 190) number";
    rig.owner.batch_execute(well).await.unwrap();
    assert_eq!(everywhere().await, None, "ten of 200 are not over five per cent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_told_of_stays_so_when_others_follow_and_our_own_wrong_keys_say_nothing_of_the_vendor()
{
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    rig.owner
        .batch_execute("UPDATE pms_connections SET status = 'active', refresh_failures = 9, token_expires_at = now() + interval '9 h'")
        .await
        .unwrap();
    let failing = [("refresh_failing", 9, None)];
    assert_eq!(findings(&rig).await, failing);
    let raise = async |connection, tenant, kind| {
        let mut tx = rig.store.machinery().await.unwrap();
        assert_eq!(tx.refreshes_failing("sikka", 3).await.unwrap(), 1);
        tx.raise(tenant, &NewAlert { connection, kind, happened: "x" }).await.unwrap();
        tx.commit().await.unwrap();
        findings(&rig).await
    };
    assert_eq!(raise(None, None, AlertKind::VendorDown).await, [], "it is told of once, as the vendor's");
    rig.owner.batch_execute("DELETE FROM alerts").await.unwrap();
    let told = raise(Some(clinic.connection), Some(clinic.tenant), AlertKind::RefreshFailing).await;
    assert_eq!(told, failing);
    assert_eq!(raise(None, None, AlertKind::VendorDown).await, failing, "it goes on failing");
    raise(None, None, AlertKind::ApplicationRefused).await;
    let mut tx = rig.store.machinery().await.unwrap();
    assert_eq!(tx.refreshes_failing("sikka", 3).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_told_of_by_its_highest_step_and_for_a_quarter_of_an_hour() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    rig.store.take_request(clinic.tenant, clinic.connection, 100).await.unwrap();
    let set = async |sql: &str| {
        rig.owner.batch_execute(&format!("UPDATE pms_request_budgets SET {sql}")).await.unwrap();
        findings(&rig).await.into_iter().map(|(code, ..)| code).collect::<Vec<_>>()
    };
    assert!(set("most = 100").await.is_empty());
    assert_eq!(set("reached_80_at = now() - interval '1 min'").await, ["budget_80"]);
    assert_eq!(set("reached_93_at = now() - interval '14 min'").await, ["budget_93"]);
    assert_eq!(set("reached_100_at = now()").await, ["budget_100"]);
    assert_eq!(set("reached_100_at = now() - interval '16 min'").await, ["budget_93"]);
    let over = "reached_93_at = now() - interval '16 min', reached_80_at = now() - interval '16 min'";
    assert!(set(over).await.is_empty());
    assert_eq!(set("day_spent_at = now() - interval '70 min'").await, ["budget_100"]);
    assert!(set("day_spent_at = now() - interval '76 min'").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_want_to_be_alone_with_a_piece_of_work_one_is() {
    let rig = Rig::new().await;
    let mut one = rig.store.machinery().await.unwrap();
    let mut two = rig.store.machinery().await.unwrap();
    assert!(one.alone("alert rules").await.unwrap());
    assert!(!two.alone("alert rules").await.unwrap());
    assert!(two.alone("something else").await.unwrap());
    one.commit().await.unwrap();
    assert!(two.alone("alert rules").await.unwrap());
}
