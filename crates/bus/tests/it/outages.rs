use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{Bus, BusConfig, Exchange, Letter, Outcome};
use testbed::{Proxy, until};
use uuid::Uuid;

use crate::rig::{Rig, SOLO, SOON, Seen, WORK, consume};

async fn until_up(bus: &Bus, up: bool) {
    until(SOON, &format!("the bus up: {up}"), || async { (bus.is_up() == up).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p1_nothing_confirmed_is_lost_when_the_wire_is_cut_again_and_again() {
    let rig = Rig::new().await;
    let (bus, wire) = rig.behind_a_proxy().await;
    let arrived: Arc<Mutex<HashSet<Uuid>>> = Arc::default();
    let noting = arrived.clone();
    let consumer = consume(&bus, WORK, move |letter: Letter| {
        noting.lock().unwrap().insert(letter.message_id);
        async { Outcome::Done }
    });
    let confirmed: Arc<Mutex<HashSet<Uuid>>> = Arc::default();
    let publishers: Vec<_> = (0..16)
        .map(|_| {
            let (bus, confirmed) = (bus.clone(), confirmed.clone());
            tokio::spawn(async move {
                for _ in 0..150 {
                    let letter = Letter::new("k", "stream");
                    let id = letter.message_id;
                    // As an outbox relay does: the same letter again until it is confirmed.
                    until(SOON, "a confirm", || async {
                        bus.publish(Exchange::Webhooks, "test.stream", letter.clone()).await.ok()
                    })
                    .await;
                    confirmed.lock().unwrap().insert(id);
                }
            })
        })
        .collect();
    for cut_at in [300, 800, 1300, 1800] {
        until(SOON, "some confirmed letters", || async {
            (confirmed.lock().unwrap().len() >= cut_at).then_some(())
        })
        .await;
        wire.cut();
        until_up(&bus, false).await;
        wire.heal();
    }
    for publisher in publishers {
        publisher.await.unwrap();
    }
    let confirmed = confirmed.lock().unwrap().clone();
    assert_eq!(confirmed.len(), 16 * 150);
    until(SOON, "every confirmed letter", || async {
        confirmed.is_subset(&arrived.lock().unwrap()).then_some(())
    })
    .await;
    consumer.stop().await;
}

/// A letter that is being acknowledged when the wire breaks must not keep its key for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p11_a_key_goes_on_after_every_cut_however_its_last_letter_ended() {
    let rig = Rig::new().await;
    let (bus, wire) = rig.behind_a_proxy().await;
    let seen = Seen::default();
    let consumer = consume(&bus, SOLO, seen.collecting(|_| Outcome::Done));
    for round in 0..25 {
        for number in 0..20 {
            rig.command("practice", &format!("{round}/{number}")).await;
        }
        wire.cut();
        until_up(&bus, false).await;
        wire.heal();
        let last = format!("{round}/19");
        until(SOON, &last, || async { seen.texts().contains(&last).then_some(()) }).await;
    }
    consumer.stop().await;
}

#[tokio::test]
async fn a_consumer_that_lost_its_wire_is_subscribed_again() {
    let rig = Rig::new().await;
    let (bus, wire) = rig.behind_a_proxy().await;
    let seen = Seen::default();
    let consumer = consume(&bus, WORK, seen.collecting(|_| Outcome::Done));
    rig.send("before").await;
    seen.until(1).await;
    wire.cut();
    until_up(&bus, false).await;
    rig.send("meanwhile").await;
    wire.heal();
    rig.send("after").await;
    seen.until(3).await;
    consumer.stop().await;
}

#[tokio::test]
async fn p2_a_letter_delivered_again_waits_for_its_first_handling() {
    let rig = Rig::new().await;
    let (bus, wire) = rig.behind_a_proxy().await;
    rig.send("slow").await;
    let (started, gate) = (Seen::default(), tokio_util::sync::CancellationToken::new());
    let (noting, waiting) = (started.clone(), gate.clone());
    let consumer = consume(&bus, WORK, move |letter| {
        noting.note(letter);
        let waiting = waiting.clone();
        async move {
            waiting.cancelled().await;
            Outcome::Done
        }
    });
    started.until(1).await;
    wire.cut();
    until_up(&bus, false).await;
    wire.heal();
    // The copy is with the consumer again: the queue has a consumer and nothing ready.
    rig.until_consumers(WORK, 1).await;
    rig.until_depth(WORK, 0).await;
    assert_eq!(started.all().len(), 1, "the copy waits");
    gate.cancel();
    started.until(2).await;
    let copies = started.all();
    assert!(copies[0].message_id == copies[1].message_id && copies[1].redelivered);
    consumer.stop().await;
    rig.until_depth(WORK, 0).await;
}

#[tokio::test]
async fn p1_a_bus_that_started_without_a_broker_works_once_there_is_one() {
    let rig = Rig::new().await;
    let wire = Proxy::to(&rig.vhost.url()).await.unwrap();
    wire.cut();
    let url = wire.in_front_of(&rig.vhost.url()).unwrap();
    let bus = Bus::connect_lazily(BusConfig::new(url, "early")).unwrap();
    let seen = Seen::default();
    let consumer = consume(&bus, WORK, seen.collecting(|_| Outcome::Done));
    bus.publish(Exchange::Webhooks, "test.text", Letter::new("k", "")).await.unwrap_err();
    wire.heal();
    bus.up_within(SOON).await.unwrap();
    bus.publish(Exchange::Webhooks, "test.text", Letter::new("k", "")).await.unwrap();
    seen.until(1).await;
    consumer.stop().await;
}

#[tokio::test]
async fn a_dead_network_is_noticed_by_its_silence() {
    let rig = Rig::new().await;
    let wire = Proxy::to(&rig.vhost.url()).await.unwrap();
    let mut config = BusConfig::new(wire.in_front_of(&rig.vhost.url()).unwrap(), "test");
    config.heartbeat = Duration::from_secs(1);
    config.connect_timeout = Duration::from_secs(1);
    let bus = Bus::connect(config).await.unwrap();
    wire.stall();
    until_up(&bus, false).await;
    wire.heal();
    until_up(&bus, true).await;
    bus.publish(Exchange::Webhooks, "test.text", Letter::new("k", "")).await.unwrap();
}

#[tokio::test]
async fn a_connection_closed_by_an_operator_comes_back() {
    let rig = Rig::new().await;
    let seen = Seen::default();
    let consumer = consume(&rig.bus, WORK, seen.collecting(|_| Outcome::Done));
    until(SOON, "the broker to list and close the connection", || async {
        (rig.vhost.close_connections().await.unwrap() > 0).then_some(())
    })
    .await;
    until(SOON, "publishing again", || async {
        rig.bus.publish(Exchange::Webhooks, "test.text", Letter::new("k", "")).await.ok()
    })
    .await;
    seen.until(1).await;
    consumer.stop().await;
}
