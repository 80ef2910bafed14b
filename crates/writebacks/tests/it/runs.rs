//! Many replays, at a rate, until too many go wrong.

use std::time::Duration;

use domain::{WritebackId, WritebackState as S};
use pms::{Advice, ErrorKind};
use store::ReplayRun;
use uuid::Uuid;
use writebacks::{start_run, stop_run};

use crate::rig::{Rig, booking};
use crate::vendor::Fate;

async fn run(rig: &Rig, writes: &[WritebackId], per_minute: i32, stop_after: Option<i32>) -> Uuid {
    start_run(&rig.store, rig.due.tenant, writes, per_minute, stop_after, "a test").await.unwrap()
}

async fn stands(rig: &Rig, id: Uuid) -> ReplayRun {
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    let run = tx.replay_run(id).await.unwrap();
    tx.commit().await.unwrap();
    run
}

fn outcomes(run: &ReplayRun) -> Vec<Option<&str>> {
    run.items.iter().map(|item| item.outcome.as_deref()).collect()
}

async fn a_minute_passes(rig: &Rig) {
    let sql =
        format!("UPDATE pms_replay_runs SET next_at = now() WHERE tenant_id = '{}'", rig.due.tenant.uuid());
    rig.owner.batch_execute(&sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_replays_one_after_the_other_at_its_rate_whoever_works_it_off() {
    let rig = Rig::new().await;
    let writes = [rig.failed(0).await, rig.failed(30).await, rig.failed(60).await];
    let id = run(&rig, &writes, 1, None).await;
    let (one, two) = tokio::join!(rig.carrier.work_runs_off(), rig.other.work_runs_off());
    assert_eq!(one.unwrap() + two.unwrap(), 1, "one a minute, of both workers together");
    assert_eq!(outcomes(&stands(&rig, id).await), [Some("replayed"), None, None]);
    assert_eq!(rig.carrier.work_runs_off().await.unwrap(), 0, "the minute is not over");
    for _ in 0..2 {
        a_minute_passes(&rig).await;
        rig.other.work_runs_off().await.unwrap();
    }
    let done = stands(&rig, id).await;
    assert_eq!((done.state.as_str(), outcomes(&done)), ("done", vec![Some("replayed"); 3]));
    rig.carry_on().await;
    for item in stands(&rig, id).await.items {
        assert_eq!(rig.state(item.replay.unwrap()).await, S::Succeeded);
    }
    assert_eq!(rig.vendor.held().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_stops_after_as_many_errors_as_it_was_told() {
    let rig = Rig::new().await;
    let writes = [rig.failed(0).await, rig.failed(30).await, rig.failed(60).await, rig.failed(90).await];
    // The first is refused because of its time, the second by the vendor.
    rig.wish(&booking(0), "somebody else").await.unwrap();
    let id = run(&rig, &writes, 60, Some(2)).await;
    for _ in 0..4 {
        a_minute_passes(&rig).await;
        rig.carrier.work_runs_off().await.unwrap();
        rig.vendor.next(&[Fate::Refuse(ErrorKind::Invalid, Advice::Permanent); 2]);
        rig.look_until_nowhere().await;
        while rig.carrier.send_next(rig.due).await.unwrap() {}
        rig.vendor.forget_fates();
    }
    let run = stands(&rig, id).await;
    assert_eq!(run.state, "stopped");
    assert_eq!(outcomes(&run), [Some("conflicting"), Some("replayed"), None, None], "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_has_no_more_under_way_than_may_go_wrong_whatever_its_rate() {
    let rig = Rig::new().await;
    let mut writes = Vec::new();
    for slot in 0..5 {
        writes.push(rig.failed(slot * 30).await);
    }
    let id = run(&rig, &writes, 6000, Some(2)).await;
    let steps = async || {
        for _ in 0..5 {
            a_minute_passes(&rig).await;
            rig.carrier.work_runs_off().await.unwrap();
        }
        stands(&rig, id).await
    };
    let taken = |run: &ReplayRun| run.items.iter().filter(|item| item.outcome.is_some()).count();
    let waits = steps().await;
    assert_eq!((waits.state.as_str(), taken(&waits)), ("running", 2));
    // One lands, the other fails: one more may go wrong.
    rig.vendor.next(&[Fate::Take, Fate::Refuse(ErrorKind::Invalid, Advice::Permanent)]);
    rig.carry_on().await;
    let goes_on = steps().await;
    assert_eq!((goes_on.state.as_str(), taken(&goes_on)), ("running", 3));
    rig.vendor.next(&[Fate::Refuse(ErrorKind::Invalid, Advice::Permanent)]);
    rig.carry_on().await;
    let stopped = steps().await;
    assert_eq!((stopped.state.as_str(), taken(&stopped)), ("stopped", 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_while_a_replay_of_it_waits_for_a_server_that_is_off_or_for_the_vendors_limit() {
    for kind in [ErrorKind::PracticeOffline, ErrorKind::RateLimited] {
        let rig = Rig::new().await;
        let writes = [rig.failed(0).await, rig.failed(30).await, rig.failed(60).await];
        let id = run(&rig, &writes, 6000, Some(1)).await;
        let step = async || {
            a_minute_passes(&rig).await;
            rig.carrier.work_runs_off().await.unwrap();
            outcomes(&stands(&rig, id).await).iter().flatten().count()
        };
        assert_eq!((step().await, step().await), (1, 1), "it may go wrong before long");
        rig.look_until_nowhere().await;
        rig.vendor.next(&[Fate::Refuse(kind, Advice::RetryAfter(Duration::from_secs(3_600)))]);
        rig.carrier.send_next(rig.due).await.unwrap();
        let first = stands(&rig, id).await.items[0].replay.unwrap();
        let row = rig.row(first).await;
        assert_eq!((row.state, row.reason.as_deref()), (S::Queued, Some(kind.word())));
        assert_eq!(
            (step().await, step().await),
            (2, 2),
            "{kind:?}: the next is looked for before it is sent"
        );
        // It waits behind the first.
        rig.look_until_nowhere().await;
        assert_eq!(step().await, 3, "{kind:?}");
        assert_eq!(stands(&rig, id).await.state, "done");
        rig.carry_on().await;
        assert_eq!(rig.vendor.held().len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_ended_by_hand_takes_up_nothing_more_and_is_on_record() {
    let rig = Rig::new().await;
    let writes = [rig.failed(0).await, rig.failed(30).await, rig.failed(60).await];
    let id = run(&rig, &writes, 1, None).await;
    rig.carrier.work_runs_off().await.unwrap();
    let stop = || stop_run(&rig.store, rig.due.tenant, id, "an operator");
    assert_eq!(stop().await.unwrap(), Some(2));
    a_minute_passes(&rig).await;
    assert_eq!(rig.carrier.work_runs_off().await.unwrap(), 0);
    let ended = stands(&rig, id).await;
    assert_eq!((ended.state.as_str(), outcomes(&ended)), ("stopped", vec![Some("replayed"), None, None]));
    rig.carry_on().await;
    assert_eq!(rig.vendor.held().len(), 1, "what had its turn goes its way");
    assert_eq!(stop().await.unwrap(), None, "it has come to its end");
    let nobody = stop_run(&rig.store, rig.due.tenant, Uuid::now_v7(), "an operator").await;
    assert!(matches!(nobody, Err(store::StoreError::NotFound)), "{nobody:?}");
    // What was left may be tried by another run.
    let again = run(&rig, &writes[1..], 6000, None).await;
    for _ in 0..2 {
        a_minute_passes(&rig).await;
        rig.carrier.work_runs_off().await.unwrap();
    }
    assert_eq!(outcomes(&stands(&rig, again).await), [Some("replayed"); 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_two_runs_of_the_same_writes_replay_each_once() {
    let rig = Rig::new().await;
    let writes = [rig.failed(0).await, rig.failed(30).await];
    let (first, second) = (run(&rig, &writes, 6000, None).await, run(&rig, &writes, 6000, None).await);
    for _ in 0..4 {
        a_minute_passes(&rig).await;
        let (one, two) = tokio::join!(rig.carrier.work_runs_off(), rig.other.work_runs_off());
        one.unwrap();
        two.unwrap();
    }
    let (first, second) = (stands(&rig, first).await, stands(&rig, second).await);
    let mut all = outcomes(&first);
    all.extend(outcomes(&second));
    assert_eq!(all.iter().filter(|outcome| **outcome == Some("replayed")).count(), 2, "{all:?}");
    assert_eq!(all.iter().filter(|outcome| **outcome == Some("already_replayed")).count(), 2, "{all:?}");
    rig.carry_on().await;
    assert_eq!(rig.vendor.held().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_after_a_write_that_the_database_itself_refuses() {
    let rig = Rig::new().await;
    let writes = [rig.failed(0).await, rig.failed(30).await];
    let refused = format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE unique_violation USING CONSTRAINT = 'pms_writebacks_live'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON pms_writebacks FOR EACH ROW
             WHEN (NEW.replays = '{}') EXECUTE FUNCTION refuse()",
        writes[0].uuid()
    );
    rig.owner.batch_execute(&refused).await.unwrap();
    let id = run(&rig, &writes, 6000, None).await;
    for _ in 0..2 {
        a_minute_passes(&rig).await;
        rig.carrier.work_runs_off().await.unwrap();
    }
    let done = stands(&rig, id).await;
    assert_eq!((done.state.as_str(), outcomes(&done)), ("done", vec![Some("refused"), Some("replayed")]));
}
