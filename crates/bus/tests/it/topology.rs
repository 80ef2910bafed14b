use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bus::topology::{self, SIKKA_COMMANDS};
use bus::{Bus, BusConfig, BusError, Exchange, Letter, Outcome};
use testbed::Vhost;

use crate::rig::{Rig, Seen, WORK, consume, small_topology};

#[tokio::test]
async fn declaring_twice_changes_nothing_and_leaves_nothing_missing() {
    let vhost = Vhost::fresh().await.unwrap();
    let bus = Bus::connect(BusConfig::new(vhost.url(), "test")).await.unwrap();
    let everything = topology::switchboard();
    let missing = topology::verify(&bus).await.unwrap();
    assert_eq!(missing.len(), everything.exchanges.len() + everything.queues.len());

    topology::declare(&bus).await.unwrap();
    topology::declare(&bus).await.unwrap();
    assert_eq!(topology::verify(&bus).await.unwrap(), Vec::<String>::new());
    assert_eq!(topology::depths(&bus).await.unwrap().len(), everything.queues.len());
}

#[tokio::test]
async fn a_queue_that_exists_with_other_properties_is_named() {
    let rig = Rig::new().await;
    let mut other = small_topology();
    other.queues.retain(|queue| queue.name != WORK);
    other.work(WORK, true, 7, |_| Duration::from_secs(1));
    let error = other.declare(&rig.bus).await.unwrap_err();
    assert!(matches!(&error, BusError::Refused { what, .. } if what == WORK), "{error}");
}

#[tokio::test]
async fn p11_commands_of_one_connection_always_meet_the_same_partition() {
    let vhost = Vhost::fresh().await.unwrap();
    let bus = Bus::connect(BusConfig::new(vhost.url(), "test")).await.unwrap();
    topology::declare(&bus).await.unwrap();
    for round in 0..3 {
        for connection in 0..40 {
            let letter = Letter::new("k", format!("{round}")).key(format!("connection-{connection}"));
            bus.publish(Exchange::Commands, "sikka.book", letter).await.unwrap();
        }
    }
    let seen = Seen::default();
    let consumers = SIKKA_COMMANDS.map(|queue| consume(&bus, queue, seen.collecting(|_| Outcome::Done)));
    seen.until(120).await;
    let mut queue_of = HashMap::new();
    for letter in seen.all() {
        let first = queue_of.entry(letter.key.clone().unwrap()).or_insert_with(|| letter.queue.clone());
        assert_eq!(*first, letter.queue, "a connection changed its partition");
    }
    let used: HashSet<_> = queue_of.values().collect();
    assert!(used.len() >= 5, "40 connections met only {} partitions", used.len());
    for consumer in consumers {
        consumer.stop().await;
    }
}
