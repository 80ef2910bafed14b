use bus::{Bus, BusConfig, Exchange, Letter};
use testbed::until;
use tokio_util::sync::CancellationToken;

use crate::rig::{Rig, SOON, Seen, text};

fn listen(bus: &Bus, binding_keys: &[&str], seen: &Seen) -> CancellationToken {
    let (shutdown, seen) = (CancellationToken::new(), seen.clone());
    let handler = move |letter: Letter| {
        seen.note(letter);
        async {}
    };
    tokio::spawn(bus.subscribe(binding_keys, handler, shutdown.clone()));
    shutdown
}

/// Tells a fact until `seen` has heard it: a listener hears only what is told after it subscribed.
async fn until_heard(bus: &Bus, seen: &Seen, routing_key: &str, fact: &str) {
    until(SOON, fact, || async {
        let _ = bus.publish(Exchange::Events, routing_key, Letter::new("k", fact.to_owned())).await;
        seen.texts().iter().any(|text| text == fact).then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_listener_hears_the_facts_it_asked_for_and_no_others() {
    let rig = Rig::new().await;
    let other = Bus::connect(BusConfig::new(rig.vhost.url(), "other")).await.unwrap();
    let (calls, everything) = (Seen::default(), Seen::default());
    let first = listen(&rig.bus, &["call.*", "token.refreshed"], &calls);
    let second = listen(&other, &["#"], &everything);
    until_heard(&rig.bus, &calls, "call.ended", "one").await;
    until_heard(&rig.bus, &everything, "message.received", "two").await;
    until_heard(&rig.bus, &calls, "token.refreshed", "three").await;
    assert!(calls.texts().iter().all(|text| text != "two"));
    first.cancel();
    second.cancel();
}

#[tokio::test]
async fn a_listener_that_lost_its_wire_hears_what_is_told_afterwards() {
    let rig = Rig::new().await;
    let (bus, wire) = rig.behind_a_proxy().await;
    let seen = Seen::default();
    let listening = listen(&bus, &["call.#"], &seen);
    until_heard(&rig.bus, &seen, "call.started", "before").await;
    wire.cut();
    until(SOON, "the cut", || async { (!bus.is_up()).then_some(()) }).await;
    wire.heal();
    until_heard(&rig.bus, &seen, "call.ended", "after").await;
    listening.cancel();
}

/// The broker takes the old listener's queue away while the new one's is made.
#[tokio::test]
async fn listeners_that_come_as_others_go_all_hear_what_is_told_afterwards() {
    let rig = Rig::new().await;
    let mut leaving = listen(&rig.bus, &["call.#"], &Seen::default());
    for round in 0..40 {
        let seen = Seen::default();
        let bus = Bus::connect(BusConfig::new(rig.vhost.url(), "listener")).await.unwrap();
        leaving.cancel();
        leaving = listen(&bus, &["call.#"], &seen);
        until_heard(&rig.bus, &seen, "call.ended", &format!("round {round}")).await;
    }
    leaving.cancel();
}

#[tokio::test]
async fn a_handler_that_panics_hears_the_next_fact() {
    let rig = Rig::new().await;
    let (shutdown, seen) = (CancellationToken::new(), Seen::default());
    let noting = seen.clone();
    let handler = move |letter: Letter| {
        assert_ne!(text(&letter), "bad", "the handler stumbles");
        noting.note(letter);
        async {}
    };
    tokio::spawn(rig.bus.subscribe(&["#"], handler, shutdown.clone()));
    until_heard(&rig.bus, &seen, "a.b", "first").await;
    rig.bus.publish(Exchange::Events, "a.b", Letter::new("k", "bad")).await.unwrap();
    until_heard(&rig.bus, &seen, "a.b", "second").await;
    shutdown.cancel();
}
