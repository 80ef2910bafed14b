//! P2: every delivery accounted for, every event once; and the inbox.

use jiff::Timestamp;
use store::{EventState, Ledger, NewEvent, Settled, Store, StoreError, Taken};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::rig::Rig;

async fn take(store: &Store, delivery: Uuid, key: &str) -> Taken {
    let event = NewEvent {
        source: "vapi",
        kind: "status-update",
        dedupe_key: key,
        body: b"{}",
        received_at: Timestamp::now(),
    };
    let mut tx = store.machinery().await.unwrap();
    let taken = tx.take_event(delivery, &event).await.unwrap();
    tx.commit().await.unwrap();
    taken
}

async fn settle(store: &Store, taken: Taken, state: EventState) {
    if let Taken::New(id) = taken {
        let mut tx = store.machinery().await.unwrap();
        tx.event_done(id, state, None, None).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn ledger(store: &Store) -> Ledger {
    let mut tx = store.machinery().await.unwrap();
    let ledger = tx.ledger().await.unwrap();
    let dealt_with = ledger.handled + ledger.parked + ledger.rejected + ledger.duplicate + ledger.pending;
    assert_eq!(ledger.received, dealt_with, "{ledger:?}");
    ledger
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_the_ledger_balances_after_every_kind_of_repeat() {
    let rig = Rig::new().await;
    let store = &rig.store;
    assert_eq!(ledger(store).await, Ledger::default());

    let first = Uuid::now_v7();
    let taken = take(store, first, "a").await;
    assert!(matches!(taken, Taken::New(_)));
    assert_eq!(ledger(store).await.pending, 1);
    assert_eq!(
        take(store, first, "a").await,
        taken,
        "a crash before the end: the broker's repeat is handled"
    );
    assert_eq!(ledger(store).await, Ledger { received: 1, pending: 1, ..Ledger::default() });
    settle(store, taken, EventState::Handled).await;
    assert_eq!(take(store, first, "a").await, Taken::Duplicate, "the broker's repeat after the end");
    assert_eq!(take(store, Uuid::now_v7(), "a").await, Taken::Duplicate, "the vendor's repeat");
    assert_eq!(ledger(store).await, Ledger { received: 2, handled: 1, duplicate: 1, ..Ledger::default() });

    settle(store, take(store, Uuid::now_v7(), "b").await, EventState::Rejected).await;
    settle(store, take(store, Uuid::now_v7(), "c").await, EventState::Parked).await;
    assert_eq!(take(store, Uuid::now_v7(), "c").await, Taken::Duplicate);
    let all = Ledger { received: 5, handled: 1, parked: 1, rejected: 1, duplicate: 2, ..Ledger::default() };
    assert_eq!(ledger(store).await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_what_is_sent_again_after_it_was_set_aside_is_handled_and_counted_once() {
    let rig = Rig::new().await;
    let store = &rig.store;
    let delivery = Uuid::now_v7();
    settle(store, take(store, delivery, "a").await, EventState::Parked).await;
    assert_eq!(take(store, Uuid::now_v7(), "a").await, Taken::Duplicate, "the vendor's repeat stays one");
    let again = take(store, delivery, "a").await;
    assert!(matches!(again, Taken::New(_)), "{again:?}");
    settle(store, again, EventState::Handled).await;
    let expected = Ledger { received: 2, handled: 1, duplicate: 1, ..Ledger::default() };
    assert_eq!(ledger(store).await, expected);
}

/// Notes an event together with what becomes of it; the transaction is given back where it is `given_up`.
async fn take_settled(store: &Store, delivery: Uuid, (key, body): (&str, &[u8]), given_up: bool) -> Taken {
    let event = NewEvent {
        source: "vapi",
        kind: "status-update",
        dedupe_key: key,
        body,
        received_at: Timestamp::now(),
    };
    let settled = Settled { state: EventState::Handled, tenant: None, reason: None };
    let mut tx = store.machinery().await.unwrap();
    let taken = tx.settle_event(delivery, &event, &settled).await.unwrap();
    if !given_up {
        tx.commit().await.unwrap();
    }
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_an_event_that_is_settled_as_it_is_noted_is_handled_once_and_with_its_effects_or_not_at_all() {
    let rig = Rig::new().await;
    let store = &rig.store;
    let delivery = Uuid::now_v7();
    let event = ("a", b"{}".as_slice());
    assert!(matches!(take_settled(store, delivery, event, true).await, Taken::New(_)));
    assert_eq!(ledger(store).await, Ledger::default(), "it has no effects yet, so nobody has it yet");
    assert!(matches!(take_settled(store, delivery, event, false).await, Taken::New(_)));
    assert_eq!(take_settled(store, delivery, event, false).await, Taken::Duplicate, "the broker's repeat");
    assert_eq!(take_settled(store, Uuid::now_v7(), event, false).await, Taken::Duplicate, "the vendor's");
    assert_eq!(ledger(store).await, Ledger { received: 2, handled: 1, duplicate: 1, ..Ledger::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_an_event_that_was_begun_or_set_aside_before_is_settled_as_well_and_then_has_its_body() {
    let rig = Rig::new().await;
    let store = &rig.store;
    let [begun, aside] = [(); 2].map(|()| Uuid::now_v7());
    take(store, begun, "begun").await;
    take_settled(store, begun, ("begun", b"{}"), false).await;

    let unread = NewEvent {
        source: "vapi",
        kind: "status-update",
        dedupe_key: "aside",
        body: b"",
        received_at: Timestamp::now(),
    };
    let mut tx = store.machinery().await.unwrap();
    let Taken::New(id) = tx.take_event(aside, &unread).await.unwrap() else { panic!("it is the first") };
    tx.event_done(id, EventState::Parked, None, Some("refused")).await.unwrap();
    tx.commit().await.unwrap();
    let bytes = "SELECT octet_length(body)::bigint FROM webhook_events WHERE dedupe_key = 'aside'";
    let before = rig.number(bytes).await;
    let said = b"what was said";
    assert!(matches!(take_settled(store, aside, ("aside", said), false).await, Taken::New(_)));
    assert_eq!(rig.number(bytes).await - before, i64::try_from(said.len()).unwrap());
    assert_eq!(ledger(store).await, Ledger { received: 2, handled: 2, ..Ledger::default() });
    // A repeat takes nothing away from it.
    take(store, Uuid::now_v7(), "aside").await;
    assert_eq!(rig.number(bytes).await - before, i64::try_from(said.len()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_transaction_that_goes_on_as_a_tenant_sees_that_tenant_alone_and_is_one_with_what_came_before() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    let mut tx = rig.store.machinery().await.unwrap();
    assert!(tx.first_time("before", Uuid::nil()).await.unwrap());
    let mut tx = tx.as_tenant(mine.tenant).await.unwrap();
    assert_eq!(tx.tenant(), mine.tenant);
    tx.connection(mine.connection).await.unwrap();
    assert!(matches!(tx.connection(theirs.connection).await, Err(StoreError::NotFound)));
    drop(tx);
    assert_eq!(rig.number("SELECT count(*) FROM inbox").await, 0);
    let mut tx = rig.store.machinery().await.unwrap();
    tx.first_time("before", Uuid::nil()).await.unwrap();
    tx.as_tenant(mine.tenant).await.unwrap().commit().await.unwrap();
    assert_eq!(rig.number("SELECT count(*) FROM inbox").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_message_a_gateway_took_and_nobody_received_is_outstanding() {
    let rig = Rig::new().await;
    let store = &rig.store;
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    let mut tx = store.machinery().await.unwrap();
    for (gateway, accepted) in [(one, 1), (one, 2), (other, 1)] {
        tx.tell_accepted(gateway, "vapi", accepted).await.unwrap();
    }
    tx.commit().await.unwrap();
    for (key, outstanding) in [("a", 2), ("b", 1), ("c", 0), ("d", 0)] {
        take(store, Uuid::now_v7(), key).await;
        let ledger = ledger(store).await;
        assert_eq!(ledger.outstanding(), outstanding, "{key}");
        assert_eq!(ledger.missing(0, 0), outstanding, "{key}");
        assert_eq!(ledger.missing(1, 0), (outstanding - 1).max(0), "one is in a queue: {key}");
        assert_eq!(ledger.missing(0, 2), 0, "two are in the outbox: {key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_deliveries_of_the_same_events_from_all_sides_are_counted_once_each() {
    let rig = Rig::new().await;
    let mut tasks = JoinSet::new();
    for task in 0..20_usize {
        let store = rig.store.clone();
        tasks.spawn(async move {
            for number in 0..10_usize {
                // Every delivery comes three times from the broker, to three tasks.
                let delivery = Uuid::from_u128(u128::try_from((task % 7) * 100 + number).unwrap() + 1);
                let taken = take(&store, delivery, &format!("event {}", number % 4)).await;
                settle(&store, taken, EventState::Handled).await;
            }
        });
    }
    while !tasks.is_empty() {
        ledger(&rig.store).await;
        while let Some(done) = tasks.try_join_next() {
            done.unwrap();
        }
    }
    let expected = Ledger { received: 70, handled: 4, duplicate: 66, ..Ledger::default() };
    assert_eq!(ledger(&rig.store).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_two_sources_may_use_the_same_key() {
    let rig = Rig::new().await;
    assert!(matches!(take(&rig.store, Uuid::now_v7(), "1").await, Taken::New(_)));
    let event = NewEvent {
        source: "sikka",
        kind: "install",
        dedupe_key: "1",
        body: b"{}",
        received_at: Timestamp::now(),
    };
    let mut tx = rig.store.machinery().await.unwrap();
    assert!(matches!(tx.take_event(Uuid::now_v7(), &event).await.unwrap(), Taken::New(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_an_event_without_a_date_has_a_key_of_its_own_where_it_is_another_and_a_delivery_keeps_its_key() {
    let rig = Rig::new().await;
    let store = &rig.store;
    let key = async |delivery: Uuid, is_another: bool| {
        let mut tx = store.machinery().await.unwrap();
        let key = tx.undated_key(delivery, ("vapi", "today"), is_another).await.unwrap();
        tx.commit().await.unwrap();
        key
    };
    let [first, repeat, second] = [(); 3].map(|()| Uuid::now_v7());
    assert_eq!(key(first, true).await, "today", "there is none before it");
    settle(store, take(store, first, "today").await, EventState::Handled).await;
    assert_eq!(key(repeat, false).await, "today");
    assert_eq!(take(store, repeat, "today").await, Taken::Duplicate);
    let own = key(second, true).await;
    assert_ne!(own, "today");
    assert!(matches!(take(store, second, &own).await, Taken::New(_)));
    // The broker brings each of them once more, when all is otherwise.
    assert_eq!((key(repeat, true).await.as_str(), key(second, false).await), ("today", own));
    assert_eq!((ledger(store).await.received, ledger(store).await.duplicate), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_a_message_is_taken_once_by_each_consumer_and_not_at_all_by_a_dropped_transaction() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let message = Uuid::now_v7();
    let mut dropped = rig.store.tenant(clinic.tenant).await.unwrap();
    assert!(dropped.first_time("news", message).await.unwrap());
    drop(dropped);
    for (consumer, first) in [("news", true), ("news", false), ("other", true), ("other", false)] {
        let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
        assert_eq!(tx.first_time(consumer, message).await.unwrap(), first, "{consumer}");
        tx.commit().await.unwrap();
    }
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let store = rig.store.clone();
        tasks.spawn(async move {
            let mut tx = store.machinery().await.unwrap();
            let first = tx.first_time("at once", message).await.unwrap();
            tx.commit().await.unwrap();
            first
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|first| *first).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_old_messages_are_swept_from_the_inbox() {
    let rig = Rig::new().await;
    let (old, new) = (Uuid::now_v7(), Uuid::now_v7());
    let mut tx = rig.store.machinery().await.unwrap();
    tx.first_time("news", old).await.unwrap();
    tx.first_time("news", new).await.unwrap();
    tx.commit().await.unwrap();
    let age = format!("UPDATE inbox SET taken_at = now() - interval '8 days' WHERE message_id = '{old}'");
    rig.owner.batch_execute(&age).await.unwrap();
    let mut tx = rig.store.machinery().await.unwrap();
    assert_eq!(tx.sweep(7).await.unwrap(), 1);
    assert!(!tx.first_time("news", new).await.unwrap());
}
