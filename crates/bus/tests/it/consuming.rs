use std::time::Duration;

use bus::topology::PARKED;
use bus::{Bus, BusConfig, ConsumeOptions, Delay, Exchange, Letter, Outcome};
use lapin::options::{BasicGetOptions, QueueDeleteOptions};
use lapin::{Connection, ConnectionProperties};
use testbed::until;
use tokio_util::sync::CancellationToken;

use crate::rig::{Rig, SOON, Seen, WORK, consume, consume_with, text};

#[tokio::test]
async fn a_letter_that_is_done_is_gone() {
    let rig = Rig::new().await;
    let sent = rig.send("hello").await;
    let seen = Seen::default();
    let consumer = consume(&rig.bus, WORK, seen.collecting(|_| Outcome::Done));
    seen.until(1).await;
    consumer.stop().await;
    rig.until_depth(WORK, 0).await;
    let got = &seen.all()[0];
    assert_eq!((got.message_id, got.body.clone()), (sent.message_id, sent.body));
    assert_eq!((got.queue.as_str(), got.routing_key.as_str(), got.attempt), (WORK, "test.text", 1));
    assert_eq!((got.app_id.as_str(), got.redelivered), ("rig", false));
}

#[tokio::test]
async fn a_letter_that_wants_another_try_comes_back_after_the_delay() {
    let rig = Rig::new().await;
    let sent = rig.send("later").await;
    let seen = Seen::default();
    let consumer = consume(
        &rig.bus,
        WORK,
        seen.collecting(|letter| match letter.attempt {
            1 => Outcome::RetryAfter(Delay::OneHour, "not yet".into()),
            2 => Outcome::RetryAfter(Delay::TenSeconds, "still not".into()),
            _ => Outcome::Done,
        }),
    );
    seen.until(3).await;
    consumer.stop().await;
    rig.until_depth(WORK, 0).await;
    let seen = seen.all();
    assert_eq!(seen.iter().map(|letter| letter.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(seen.iter().all(|letter| letter.message_id == sent.message_id && letter.body == sent.body));
    assert!(seen.iter().all(|letter| letter.routing_key == "test.text"), "the routing key survives");
    assert_eq!(seen[2].origin.as_ref().unwrap().reason, "still not");
}

#[tokio::test]
async fn a_waiting_letter_is_in_the_delay_queue_and_nowhere_else() {
    let rig = Rig::new().await;
    let mut topology = rig.topology.clone();
    topology.work("slow", false, 20, Delay::duration);
    topology.declare(&rig.bus).await.unwrap();
    let letter = Letter::new("k", "wait");
    rig.bus.publish(Exchange::Queue, "slow", letter).await.unwrap();
    let seen = Seen::default();
    let consumer =
        consume(&rig.bus, "slow", seen.collecting(|_| Outcome::RetryAfter(Delay::OneMinute, "busy".into())));
    until(SOON, "the letter in the delay queue", || async {
        let depths = topology.depths(&rig.bus).await.unwrap();
        let holding: Vec<_> = depths.iter().filter(|depth| depth.messages > 0).collect();
        matches!(holding[..], [only] if only.queue == "slow.retry.1m").then_some(())
    })
    .await;
    consumer.stop().await;
}

#[tokio::test]
async fn a_parked_letter_says_where_it_came_from_and_why_and_can_be_replayed() {
    let rig = Rig::new().await;
    let sent = rig.send("odd").await;
    let consumer = consume(&rig.bus, WORK, |_| async { Outcome::Park("the practice is unknown".into()) });
    rig.until_depth(PARKED, 1).await;
    consumer.stop().await;

    let mut parked = rig.parked().await;
    let origin = parked.origin.take().unwrap();
    assert_eq!((origin.queue.as_str(), origin.routing_key.as_str()), (WORK, "test.text"));
    assert_eq!(origin.reason, "the practice is unknown");
    assert_eq!(parked.message_id, sent.message_id);

    rig.bus.publish(Exchange::Queue, &origin.queue, parked).await.unwrap();
    rig.until_depth(WORK, 1).await;
}

#[tokio::test]
async fn a_letter_whose_handler_panics_parks_alone() {
    let rig = Rig::new().await;
    for number in 0..10 {
        rig.send(&format!("{number}")).await;
    }
    let seen = Seen::default();
    let noting = seen.clone();
    let options = ConsumeOptions { max_panics: 3, ..ConsumeOptions::default() };
    let consumer = consume_with(&rig.bus, WORK, options, move |letter| {
        // One panics before there is a future, to be caught all the same.
        assert_ne!(text(&letter), "7", "the handler stumbles");
        noting.note(letter);
        async { Outcome::Done }
    });
    rig.until_depth(PARKED, 1).await;
    consumer.stop().await;
    let mut done = seen.texts();
    done.sort();
    assert_eq!(done, ["0", "1", "2", "3", "4", "5", "6", "8", "9"]);
    let parked = rig.parked().await;
    assert_eq!((text(&parked).as_str(), parked.attempt), ("7", 3));
    assert_eq!(parked.origin.unwrap().reason, "its handler panicked at attempt 3");
}

#[tokio::test]
async fn a_letter_that_never_succeeds_is_parked_after_its_tries() {
    let rig = Rig::new().await;
    rig.send("never").await;
    let options = ConsumeOptions { max_attempts: 3, ..ConsumeOptions::default() };
    let consumer = consume_with(&rig.bus, WORK, options, |_| async {
        Outcome::RetryAfter(Delay::TenSeconds, "the vendor is away".into())
    });
    rig.until_depth(PARKED, 1).await;
    consumer.stop().await;
    assert_eq!(rig.parked().await.origin.unwrap().reason, "gave up after 3 attempts: the vendor is away");
}

#[tokio::test]
async fn p12_a_letter_that_kills_whoever_takes_it_is_parked_by_the_broker() {
    let rig = Rig::new().await;
    let sent = rig.send("deadly").await;
    let connection = Connection::connect(&rig.vhost.url(), ConnectionProperties::default()).await.unwrap();
    until(SOON, "the broker to give up", || async {
        let channel = connection.create_channel().await.unwrap();
        // Taken and never acknowledged: the channel goes away under it, as when a process is killed.
        channel.basic_get(WORK.into(), BasicGetOptions::default()).await.unwrap();
        channel.close(200, "killed".into()).await.unwrap();
        (rig.depth(PARKED).await == Some(1)).then_some(())
    })
    .await;
    let parked = rig.parked().await;
    let origin = parked.origin.unwrap();
    assert_eq!((origin.queue.as_str(), origin.reason.as_str()), (WORK, "delivery_limit"));
    assert_eq!((origin.routing_key.as_str(), parked.message_id), ("test.text", sent.message_id));
}

#[tokio::test]
async fn a_letter_that_cannot_be_parked_goes_back_and_is_not_lost() {
    let rig = Rig::new().await;
    let connection = Connection::connect(&rig.vhost.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.queue_delete(PARKED.into(), QueueDeleteOptions::default()).await.unwrap();

    let letter = Letter::new("k", "odd").key("a");
    rig.bus.publish(Exchange::Commands, "solo.text", letter).await.unwrap();
    let seen = Seen::default();
    let options = ConsumeOptions { requeue_pause: Duration::from_millis(50), ..ConsumeOptions::default() };
    let consumer =
        consume_with(&rig.bus, crate::rig::SOLO, options, seen.collecting(|_| Outcome::Park("odd".into())));
    seen.until(3).await;
    rig.topology.declare(&rig.bus).await.unwrap();
    rig.until_depth(PARKED, 1).await;
    consumer.stop().await;
    rig.until_depth(crate::rig::SOLO, 0).await;
}

#[tokio::test]
async fn shutdown_finishes_what_is_in_hand_and_leaves_the_rest() {
    let rig = Rig::new().await;
    for number in 0..20 {
        rig.send(&format!("{number}")).await;
    }
    let gate = CancellationToken::new();
    let (seen, waiting) = (Seen::default(), gate.clone());
    let started = seen.clone();
    let options = ConsumeOptions { prefetch: 4, ..ConsumeOptions::default() };
    let consumer = consume_with(&rig.bus, WORK, options, move |letter| {
        started.note(letter);
        let waiting = waiting.clone();
        async move {
            waiting.cancelled().await;
            Outcome::Done
        }
    });
    seen.until(4).await;
    consumer.shutdown.cancel();
    gate.cancel();
    consumer.task.await.unwrap();
    assert_eq!(seen.all().len(), 4, "nothing was started after the shutdown");
    rig.until_depth(WORK, 16).await;
}

#[tokio::test]
async fn a_handler_that_does_not_finish_is_given_up_and_its_letter_goes_back() {
    let rig = Rig::new().await;
    rig.send("endless").await;
    let seen = Seen::default();
    let started = seen.clone();
    let options = ConsumeOptions { drain: Duration::from_millis(50), ..ConsumeOptions::default() };
    let consumer = consume_with(&rig.bus, WORK, options, move |letter| {
        started.note(letter);
        std::future::pending()
    });
    seen.until(1).await;
    consumer.stop().await;
    rig.until_depth(WORK, 1).await;
}

#[tokio::test]
async fn a_consumer_may_start_before_its_queue_exists() {
    let vhost = testbed::Vhost::fresh().await.unwrap();
    let bus = Bus::connect(BusConfig::new(vhost.url(), "early")).await.unwrap();
    let seen = Seen::default();
    let consumer = consume(&bus, WORK, seen.collecting(|_| Outcome::Done));
    tokio::task::yield_now().await;
    crate::rig::small_topology().declare(&bus).await.unwrap();
    bus.publish(Exchange::Webhooks, "test.text", Letter::new("k", "")).await.unwrap();
    seen.until(1).await;
    consumer.stop().await;
}
