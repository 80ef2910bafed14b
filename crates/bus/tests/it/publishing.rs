use std::time::{Duration, Instant};

use bus::{Bus, BusConfig, BusError, Exchange, Letter, PublishError};
use futures_util::future::join_all;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use testbed::{Vhost, free_port, until};

use crate::rig::{Rig, SOON, WORK};

#[tokio::test]
async fn p1_a_letter_that_no_queue_takes_is_an_error() {
    let rig = Rig::new().await;
    let sent = rig.bus.publish(Exchange::Webhooks, "nobody.wants.this", Letter::new("k", "")).await;
    assert_eq!(sent, Err(PublishError::Unroutable));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p1_among_many_letters_on_their_way_exactly_the_unroutable_ones_fail() {
    let rig = Rig::new().await;
    let mut sending = Vec::new();
    for number in 0..6000 {
        let bus = rig.bus.clone();
        sending.push(tokio::spawn(async move {
            let routable = number % 3 != 0;
            let routing_key = if routable { "test.many" } else { "nobody.wants.this" };
            let sent =
                bus.publish(Exchange::Webhooks, routing_key, Letter::new("k", format!("{number}"))).await;
            let expected = if routable { Ok(()) } else { Err(PublishError::Unroutable) };
            assert_eq!(sent, expected, "letter {number}");
        }));
    }
    for sent in join_all(sending).await {
        sent.unwrap();
    }
    rig.until_depth(WORK, 4000).await;
}

#[tokio::test]
async fn a_fact_that_nobody_listens_to_is_no_error() {
    let rig = Rig::new().await;
    rig.bus.publish(Exchange::Events, "call.ended", Letter::new("k", "")).await.unwrap();
}

#[tokio::test]
async fn p11_a_command_without_a_key_is_refused_before_it_is_sent() {
    let rig = Rig::new().await;
    let sent = rig.bus.publish(Exchange::Commands, "solo.text", Letter::new("k", "")).await;
    assert_eq!(sent, Err(PublishError::Invalid("a command needs a key")));
}

#[tokio::test]
async fn a_letter_that_a_full_queue_refuses_is_an_error() {
    let rig = Rig::new().await;
    let connection = Connection::connect(&rig.vhost.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    channel.queue_declare("small".into(), QueueDeclareOptions::default(), arguments).await.unwrap();

    rig.bus.publish(Exchange::Queue, "small", Letter::new("k", "")).await.unwrap();
    let second = rig.bus.publish(Exchange::Queue, "small", Letter::new("k", "")).await;
    assert_eq!(second, Err(PublishError::Refused));
}

#[tokio::test]
async fn a_bus_that_starts_without_a_broker_says_so_at_once() {
    let url = format!("amqp://guest:guest@127.0.0.1:{}", free_port().unwrap());
    let bus = Bus::connect_lazily(BusConfig::new(url, "test")).unwrap();
    let started = Instant::now();
    let sent = bus.publish(Exchange::Webhooks, "test.text", Letter::new("k", "")).await;
    assert!(matches!(sent, Err(PublishError::Unavailable(_))), "{sent:?}");
    assert!(started.elapsed() < Duration::from_secs(1));
    assert!(!bus.is_up());
}

#[tokio::test]
async fn p8_wrong_credentials_are_refused_and_not_repeated() {
    let vhost = Vhost::fresh().await.unwrap();
    let given = vhost.url();
    let (_, host) = given.split_once('@').unwrap();
    let url = format!("amqp://nobody:hunter2@{host}");
    let error = Bus::connect(BusConfig::new(url, "test")).await.unwrap_err();
    assert!(matches!(error, BusError::Refused { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_repeating_it() {
    let error = Bus::connect_lazily(BusConfig::new("http://guest:hunter2@x", "test")).unwrap_err();
    assert_eq!(error.to_string(), "the broker's address is not a valid AMQP URL");
}

#[tokio::test]
async fn p1_a_confirm_that_does_not_come_is_not_success() {
    let rig = Rig::new().await;
    let proxy = testbed::Proxy::to(&rig.vhost.url()).await.unwrap();
    let mut config = BusConfig::new(proxy.in_front_of(&rig.vhost.url()).unwrap(), "test");
    config.confirm_timeout = Duration::from_millis(300);
    let bus = Bus::connect(config).await.unwrap();
    proxy.stall();
    let sent = bus.publish(Exchange::Webhooks, "test.text", Letter::new("k", "")).await;
    assert_eq!(sent, Err(PublishError::Unavailable("no confirm in time".into())));
    proxy.heal();
    until(SOON, "publishing after the stall", || async {
        bus.publish(Exchange::Webhooks, "test.text", Letter::new("k", "")).await.ok()
    })
    .await;
}

#[tokio::test]
async fn closing_waits_for_what_is_on_its_way() {
    let rig = Rig::new().await;
    let sending = (0..100).map(|_| rig.bus.publish(Exchange::Webhooks, "test.text", Letter::new("k", "")));
    let (sent, ()) = tokio::join!(join_all(sending), async {
        // The letters are handed in first: `join!` polls in order.
        tokio::task::yield_now().await;
        rig.bus.close().await;
    });
    let confirmed = sent.iter().filter(|sent| sent.is_ok()).count();
    let other = Bus::connect(BusConfig::new(rig.vhost.url(), "other")).await.unwrap();
    until(SOON, "the confirmed letters", || async {
        let depths = rig.topology.depths(&other).await.unwrap();
        let depth = depths.iter().find(|depth| depth.queue == WORK).unwrap();
        (depth.messages as usize >= confirmed).then_some(())
    })
    .await;
    let after = rig.bus.publish(Exchange::Webhooks, "test.text", Letter::new("k", "")).await;
    assert!(matches!(after, Err(PublishError::Unavailable(_))));
}

#[test]
fn p1_a_thread_that_goes_takes_only_its_own_channel_with_it() {
    let lives_on = tokio::runtime::Runtime::new().unwrap();
    let rig = lives_on.block_on(Rig::new());
    let bus = rig.bus.clone();
    let own = std::thread::spawn(move || {
        let short_lived = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        short_lived.block_on(async {
            let own = bus.with_own_channel();
            own.up_within(SOON).await.unwrap();
            own.publish(Exchange::Webhooks, "test.own", Letter::new("k", "1")).await.unwrap();
            let lost = own.publish(Exchange::Webhooks, "nobody.wants.this", Letter::new("k", "")).await;
            assert_eq!(lost, Err(PublishError::Unroutable));
            own
        })
    });
    let own = own.join().unwrap();
    lives_on.block_on(async {
        let sent = own.publish(Exchange::Webhooks, "test.own", Letter::new("k", "")).await;
        assert!(matches!(sent, Err(PublishError::Unavailable(_))), "{sent:?}");
        rig.bus.publish(Exchange::Webhooks, "test.shared", Letter::new("k", "2")).await.unwrap();
        rig.until_depth(WORK, 2).await;
        rig.bus.close().await;
    });
}

#[tokio::test]
async fn p1_a_channel_of_ones_own_is_opened_again_after_the_line_was_cut() {
    let rig = Rig::new().await;
    let (bus, proxy) = rig.behind_a_proxy().await;
    let own = bus.with_own_channel();
    own.up_within(SOON).await.unwrap();
    proxy.cut();
    proxy.heal();
    until(SOON, "a letter goes out again", || async {
        own.publish(Exchange::Webhooks, "test.own", Letter::new("k", "")).await.ok()
    })
    .await;
    rig.until_depth(WORK, 1).await;
}
