//! P9: one practice's calls stay under its budget.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::rig::{Clinic, Rig};

async fn take(rig: &Rig, clinic: Clinic, most: i32) -> bool {
    let used = rig.store.take_request(clinic.tenant, clinic.connection, most).await.unwrap();
    assert!(used.admitted == (used.wait_s <= 0.0), "{used:?}");
    assert!(used.wait_s < 200.0, "{used:?}");
    used.admitted
}

/// When the budget last gave a place, on the clock it is counted by: nobody knows how long the answer took.
async fn given_at(rig: &Rig, clinic: Clinic) -> f64 {
    let sql = format!(
        "SELECT extract(epoch FROM refilled_at)::float8 FROM pms_request_budgets WHERE tenant_id = '{}'",
        clinic.tenant.uuid()
    );
    rig.owner.query_one(&sql, &[]).await.unwrap().get(0)
}

/// Lets time pass for the budget alone.
async fn pass(rig: &Rig, seconds: f64) {
    let sql = "UPDATE pms_request_budgets SET refilled_at = refilled_at - make_interval(secs => $1),
                   closed_until = closed_until - make_interval(secs => $1)";
    rig.owner.execute(sql, &[&seconds]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_no_minute_ever_sees_more_requests_than_allowed_however_they_are_spread() {
    let rig = Rig::new().await;
    for (name, most) in [("one", 1), ("two", 2), ("seven", 7), ("thirty", 30)] {
        let clinic = rig.clinic(name).await;
        let mut passed = 0.0;
        let mut admitted: Vec<f64> = Vec::new();
        // Bursts, trickles and rests: five minutes of somebody who always wants more.
        for step in 0..60 {
            let wanted = if step % 7 == 0 { most + 3 } else { 1 + most / 10 };
            for _ in 0..wanted {
                if take(&rig, clinic, most).await {
                    admitted.push(passed + given_at(&rig, clinic).await);
                }
            }
            let pause = [0.5, 3.0, 9.0, 1.0, 14.0][step % 5];
            pass(&rig, pause).await;
            passed += pause;
        }
        for (first, start) in admitted.iter().enumerate() {
            let seen = admitted[first..].iter().take_while(|at| *at - start < 59.5).count();
            assert!(seen <= usize::try_from(most).unwrap(), "{seen} of {most} in the minute after {start}");
        }
        assert!(admitted.len() > usize::try_from(most).unwrap(), "{most}: the budget never refilled");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_many_takers_at_once_get_no_more_than_one_would() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let mut tasks = JoinSet::new();
    for _ in 0..40 {
        let store = rig.store.clone();
        tasks.spawn(async move {
            let mut admitted = 0;
            for _ in 0..3 {
                let used = store.take_request(clinic.tenant, clinic.connection, 40).await.unwrap();
                admitted += i32::from(used.admitted);
            }
            admitted
        });
    }
    let began = Instant::now();
    let admitted: i32 = tasks.join_all().await.iter().sum();
    // Half the minute's requests at once, and what a few seconds refill.
    let refilled = i32::try_from((began.elapsed() + Duration::from_secs(3)).as_secs()).unwrap();
    assert!((20..=20 + refilled).contains(&admitted), "{admitted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_place_is_given_after_every_connection_died() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    assert!(take(&rig, clinic, 60).await);
    assert!(rig.shoot_all().await > 0, "nothing was there to die");
    assert!(take(&rig, clinic, 60).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_request_is_not_taken_in_a_transaction_which_would_go_on_as_its_tenant() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let (tenant, connection) = (clinic.tenant.uuid(), clinic.connection.uuid());
    let take = format!("SELECT * FROM pms_take_request('{tenant}', '{connection}', 60)");
    let inside = format!("BEGIN; SET LOCAL ROLE switchboard_machinery; {take}");
    let error = rig.owner.batch_execute(&inside).await.unwrap_err();
    let said = error.as_db_error().unwrap().message().to_owned();
    assert!(said.contains("outside of any transaction"), "{said}");
    rig.owner.batch_execute("ROLLBACK").await.unwrap();
    rig.owner.batch_execute(&take).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_window_the_vendor_says_is_used_up_is_waited_for() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    assert!(take(&rig, clinic, 60).await);
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.budget_advertised(clinic.connection, 75, 60, Some(40.0)).await.unwrap();
    tx.commit().await.unwrap();
    let used = rig.store.take_request(clinic.tenant, clinic.connection, 60).await.unwrap();
    assert!(!used.admitted && used.wait_s > 35.0 && used.wait_s <= 40.0, "{used:?}");
    pass(&rig, 30.0).await;
    assert!(!take(&rig, clinic, 60).await);
    pass(&rig, 11.0).await;
    assert!(take(&rig, clinic, 60).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_smaller_limit_counts_from_the_moment_it_is_known() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    assert!(take(&rig, clinic, 100).await);
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.budget_advertised(clinic.connection, 5, 4, None).await.unwrap();
    tx.commit().await.unwrap();
    let mut admitted = 0;
    for _ in 0..10 {
        admitted += i32::from(take(&rig, clinic, 100).await);
    }
    assert_eq!(admitted, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_new_connection_has_its_whole_room_once_the_vendor_has_said_how_much_it_is_and_only_once() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let guess = 10;
    assert!(take(&rig, clinic, guess).await);
    for (most, room) in [(200, 99), (400, 0), (200, 0)] {
        let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
        tx.budget_advertised(clinic.connection, most, most, None).await.unwrap();
        tx.commit().await.unwrap();
        // Nothing but what is said changes what there is.
        rig.owner
            .execute("UPDATE pms_request_budgets SET refilled_at = now() + interval '1 hour'", &[])
            .await
            .unwrap();
        let mut admitted = 0;
        while take_or_wait(&rig, clinic, guess).await {
            admitted += 1;
        }
        assert_eq!(admitted, room, "of {most} a minute half may leave at once");
    }
}

/// As [`take`], however long the wait would be.
async fn take_or_wait(rig: &Rig, clinic: Clinic, most: i32) -> bool {
    let used = rig.store.take_request(clinic.tenant, clinic.connection, most).await.unwrap();
    used.admitted
}

async fn usage(rig: &Rig, clinic: Clinic) -> store::Usage {
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    let mut all = tx.usage().await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(all.len(), 1, "another tenant's are not shown");
    all.remove(0)
}

async fn reached(rig: &Rig) -> Vec<bool> {
    let sql = "SELECT reached_80_at IS NOT NULL, reached_93_at IS NOT NULL, reached_100_at IS NOT NULL
               FROM pms_request_budgets";
    let row = rig.owner.query_one(sql, &[]).await.unwrap();
    (0..3).map(|column| row.get(column)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_what_was_used_is_told_exactly_however_many_count_and_each_threshold_is_noted() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    rig.clinic("theirs").await;
    let before = usage(&rig, clinic).await;
    assert_eq!((before.minute.used, before.minute.remaining, before.minute.percent()), (0, None, None));
    // Half of a hundred may go at once; a minute of a hundred refills one in 1.2 s.
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let store = rig.store.clone();
        tasks.spawn(async move {
            for _ in 0..3 {
                let used = store.take_request(clinic.tenant, clinic.connection, 100).await.unwrap();
                assert!(used.admitted);
            }
        });
    }
    tasks.join_all().await;
    let now = usage(&rig, clinic).await;
    assert_eq!((now.day.used, now.minute.limit), (30, Some(100)));
    assert!((20..=25).contains(&now.minute.remaining.unwrap()), "{now:?}");
    // The minute may have turned meanwhile.
    let one_minute = |now: &store::Usage| now.minute.window_start == before.minute.window_start;
    if one_minute(&now) {
        assert_eq!(now.minute.used, 30);
        assert_eq!(now.minute.percent(), Some(30.0), "of the limit");
    }
    assert_eq!(now.minute.window_start.as_second() % 60, 0);
    assert_eq!((now.day.remaining, now.day.percent()), (None, None), "no quota of the day is known");
    assert_eq!(reached(&rig).await, [false, false, false]);
    // Half a minute later as many have come back as were used.
    pass(&rig, 36.0).await;
    for (more, expected) in [(48, [false, false, false]), (2, [true, false, false])] {
        for _ in 0..more {
            assert!(take(&rig, clinic, 100).await);
        }
        if one_minute(&usage(&rig, clinic).await) {
            assert_eq!(reached(&rig).await, expected, "{} of 100", usage(&rig, clinic).await.minute.used);
        }
    }
    while take(&rig, clinic, 100).await {}
    let now = usage(&rig, clinic).await;
    assert_eq!((now.minute.remaining, now.minute.percent()), (Some(0), Some(100.0)));
    assert!(reached(&rig).await[2], "one had to wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_what_the_application_asks_is_one_bucket_for_all_workers_and_none_of_a_practices() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let take_one = async |store: &store::Store| {
        let mut tx = store.machinery().await.unwrap();
        let used = tx.take_application_request("sikka", 40).await.unwrap();
        tx.commit().await.unwrap();
        assert!(used.admitted == (used.wait_s <= 0.0), "{used:?}");
        used
    };
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let store = rig.store.clone();
        tasks.spawn(async move {
            let mut admitted = 0;
            for _ in 0..4 {
                admitted += i32::from(take_one(&store).await.admitted);
            }
            admitted
        });
    }
    let admitted: i32 = tasks.join_all().await.iter().sum();
    let refilled = i32::try_from((began.elapsed() + Duration::from_secs(3)).as_secs()).unwrap();
    assert!((8..=8 + refilled).contains(&admitted), "a fifth of a minute's at once, not {admitted}");
    assert!(take(&rig, clinic, 2).await, "a practice has its own");

    let mut tx = rig.store.machinery().await.unwrap();
    tx.application_limit("sikka", 200, Some(40.0)).await.unwrap();
    tx.commit().await.unwrap();
    let used = take_one(&rig.store).await;
    assert!(!used.admitted && used.wait_s > 35.0 && used.most == 200, "{used:?}");
    // A window that is shorter does not open it earlier, and a smaller limit counts at once.
    let mut tx = rig.store.machinery().await.unwrap();
    tx.application_limit("sikka", 200, Some(5.0)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(take_one(&rig.store).await.wait_s > 30.0);
    rig.owner
        .batch_execute(
            "UPDATE application_budgets SET closed_until = now(), refilled_at = now() - interval '9 s'",
        )
        .await
        .unwrap();
    assert!(take_one(&rig.store).await.admitted);
    rig.owner
        .batch_execute("UPDATE application_budgets SET tokens = 100, refilled_at = now()")
        .await
        .unwrap();
    let mut tx = rig.store.machinery().await.unwrap();
    tx.application_limit("sikka", 8, None).await.unwrap();
    tx.commit().await.unwrap();
    let mut admitted = 0;
    for _ in 0..20 {
        admitted += i32::from(take_one(&rig.store).await.admitted);
    }
    assert!((1..=3).contains(&admitted), "a fifth of the smaller limit's, not {admitted}");

    // Who asks all the time gets four fifths of what a minute may see.
    let mut tx = rig.store.machinery().await.unwrap();
    tx.application_limit("sikka", 40, None).await.unwrap();
    tx.commit().await.unwrap();
    for number in 0..3 * 40 {
        let passed = "UPDATE application_budgets SET refilled_at = refilled_at - interval '1.875 s'";
        rig.owner.batch_execute(passed).await.unwrap();
        assert!(take_one(&rig.store).await.admitted, "{number} of 40 a minute");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_day_that_the_vendor_calls_used_up_stops_the_practice_and_one_request_asks_again_after_it() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    assert!(take(&rig, clinic, 60).await);
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.budget_day_spent(clinic.connection, 120.0).await.unwrap();
    // A window of the vendor's that is shorter does not open it earlier.
    tx.budget_advertised(clinic.connection, 75, 60, Some(20.0)).await.unwrap();
    tx.commit().await.unwrap();
    let used = rig.store.take_request(clinic.tenant, clinic.connection, 60).await.unwrap();
    assert!(!used.admitted && used.wait_s > 110.0 && used.wait_s <= 120.0, "{used:?}");
    let now = usage(&rig, clinic).await;
    assert_eq!((now.day.remaining, now.day.percent(), now.minute.remaining), (Some(0), Some(100.0), Some(0)));
    assert!(now.day.stopped_until.is_some(), "{now:?}");
    pass(&rig, 121.0).await;
    assert!(take(&rig, clinic, 60).await, "one may ask");
    assert!(!take(&rig, clinic, 60).await, "the others wait for its answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_quota_of_the_day_that_an_operator_set_is_kept_and_the_next_day_begins_anew() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    assert!(take(&rig, clinic, 60).await);
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.set_day_quota(clinic.connection, Some(4)).await.unwrap();
    tx.commit().await.unwrap();
    for _ in 0..3 {
        assert!(take(&rig, clinic, 60).await);
    }
    let used = rig.store.take_request(clinic.tenant, clinic.connection, 60).await.unwrap();
    assert!(!used.admitted && used.wait_s > 0.0, "{used:?}");
    let now = usage(&rig, clinic).await;
    assert_eq!((now.day.used, now.day.remaining, now.day.percent()), (4, Some(0), Some(100.0)));
    let yesterday = "UPDATE pms_request_budgets SET day_start = day_start - interval '1 day'";
    rig.owner.batch_execute(yesterday).await.unwrap();
    assert!(take(&rig, clinic, 60).await);
    assert_eq!(usage(&rig, clinic).await.day.used, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_locations_of_one_office_share_what_the_vendor_counts_as_one() {
    let rig = Rig::new().await;
    let here = rig.clinic("mine").await;
    let there = rig.second_place(here, ("d10001", "8")).await;
    let mut admitted = 0;
    for number in 0..40 {
        let clinic = if number % 2 == 0 { here } else { there };
        admitted += u32::from(take(&rig, clinic, 20).await);
    }
    assert_eq!(admitted, 10, "half of a minute's requests may leave at once, from wherever");
    let mut tx = rig.store.tenant(here.tenant).await.unwrap();
    tx.budget_advertised(there.connection, 100, 80, None).await.unwrap();
    tx.set_day_quota(there.connection, Some(500)).await.unwrap();
    let usage = tx.usage().await.unwrap();
    tx.commit().await.unwrap();
    for one in &usage {
        let told = (one.minute.used + one.day.used, one.minute.limit, one.day.limit, one.advertised);
        assert_eq!(told, (20, Some(80), Some(500), Some(100)), "{}", one.name);
    }
    assert_eq!((usage.len(), rig.number("SELECT count(*) FROM pms_request_budgets").await), (2, 1));
    let other = rig.clinic("other").await;
    assert!(take(&rig, other, 20).await, "another office has its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_is_not_among_what_is_used() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    assert!(take(&rig, clinic, 10).await);
    assert_eq!(usage(&rig, clinic).await.minute.used, 1);
    rig.owner.batch_execute("UPDATE pms_connections SET status = 'disabled'").await.unwrap();
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    assert!(tx.usage().await.unwrap().is_empty());
}
