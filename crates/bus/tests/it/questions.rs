use std::time::{Duration, Instant};

use bus::{AskError, Bus, BusConfig, Exchange, Letter};
use futures_util::future::join_all;
use testbed::until;
use tokio_util::sync::CancellationToken;

use crate::rig::{QUESTION, Rig, Running, SOON, Seen, text};

fn serve<H, F>(bus: &Bus, concurrency: u16, handler: H) -> Running
where
    H: Fn(Letter) -> F + Send + Sync + 'static,
    F: Future<Output = Letter> + Send + 'static,
{
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(bus.serve(QUESTION, concurrency, handler, shutdown.clone()));
    Running { shutdown, task }
}

fn question(text: &str) -> Letter {
    Letter::new("test.Question", text.to_owned())
}

async fn echo(question: Letter) -> Letter {
    Letter::new("test.Answer", format!("re: {}", text(&question)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_of_many_questions_in_flight_gets_its_own_answer() {
    let rig = Rig::new().await;
    let server = serve(&rig.bus, 64, echo);
    let asking = (0..500).map(|number| {
        let bus = rig.bus.clone();
        async move {
            let answer = bus.ask(QUESTION, question(&format!("{number}")), SOON).await.unwrap();
            assert_eq!(text(&answer), format!("re: {number}"));
            assert_eq!(answer.kind, "test.Answer");
        }
    });
    join_all(asking).await;
    server.stop().await;
}

#[tokio::test]
async fn p12_a_question_nobody_answers_ends_at_its_deadline() {
    let rig = Rig::new().await;
    let started = Instant::now();
    let answer = rig.bus.ask(QUESTION, question("hello?"), Duration::from_millis(300)).await;
    assert_eq!(answer.unwrap_err(), AskError::Timeout);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_question_without_a_queue_fails_at_once() {
    let rig = Rig::new().await;
    let started = Instant::now();
    let answer = rig.bus.ask("no.such.question", question("hello?"), SOON).await;
    assert_eq!(answer.unwrap_err(), AskError::NobodyListens);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_late_answer_is_dropped_and_the_next_question_gets_its_own() {
    let rig = Rig::new().await;
    let gate = CancellationToken::new();
    let waiting = gate.clone();
    let server = serve(&rig.bus, 8, move |question: Letter| {
        let waiting = waiting.clone();
        async move {
            if text(&question) == "slow" {
                waiting.cancelled().await;
            }
            // Answered in any case, to see that the bus does not hand it to the wrong asker.
            echo(Letter { deadline: None, ..question }).await
        }
    });
    rig.until_consumers(QUESTION, 1).await;
    let slow = rig.bus.ask(QUESTION, question("slow"), Duration::from_millis(200)).await;
    assert_eq!(slow.unwrap_err(), AskError::Timeout);
    gate.cancel();
    let quick = rig.bus.ask(QUESTION, question("quick"), SOON).await.unwrap();
    assert_eq!(text(&quick), "re: quick");
    server.stop().await;
}

#[tokio::test]
async fn p12_an_expired_question_is_never_served() {
    let rig = Rig::new().await;
    let stale = rig.bus.ask(QUESTION, question("stale"), Duration::from_millis(50)).await;
    assert_eq!(stale.unwrap_err(), AskError::Timeout);
    // One that the broker would still deliver, with a deadline that has passed.
    let mut forged = question("forged");
    forged.deadline = Some(jiff::Timestamp::now() - Duration::from_secs(1));
    rig.bus.publish(Exchange::Rpc, QUESTION, forged).await.unwrap();

    let seen = Seen::default();
    let noting = seen.clone();
    let server = serve(&rig.bus, 1, move |question: Letter| {
        noting.note(question.clone());
        echo(question)
    });
    rig.bus.ask(QUESTION, question("fresh"), SOON).await.unwrap();
    assert_eq!(seen.texts(), ["fresh"]);
    server.stop().await;
}

#[tokio::test]
async fn p12_the_question_of_a_killed_server_is_answered_by_its_replica() {
    let rig = Rig::new().await;
    let (doomed, wire) = rig.behind_a_proxy().await;
    let taken = Seen::default();
    let noting = taken.clone();
    let hanging = serve(&doomed, 8, move |question: Letter| {
        noting.note(question);
        std::future::pending()
    });
    rig.until_consumers(QUESTION, 1).await;
    let asker = rig.bus.clone();
    let asking = tokio::spawn(async move { asker.ask(QUESTION, question("patience"), SOON).await });
    taken.until(1).await;

    let replica = Bus::connect(BusConfig::new(rig.vhost.url(), "replica")).await.unwrap();
    let answering = serve(&replica, 8, echo);
    wire.cut();
    assert_eq!(text(&asking.await.unwrap().unwrap()), "re: patience");
    answering.stop().await;
    hanging.task.abort();
}

#[tokio::test]
async fn a_server_that_shuts_down_answers_what_it_has_taken() {
    let rig = Rig::new().await;
    let (taken, gate) = (Seen::default(), CancellationToken::new());
    let (noting, waiting) = (taken.clone(), gate.clone());
    let server = serve(&rig.bus, 4, move |question: Letter| {
        noting.note(question.clone());
        let waiting = waiting.clone();
        async move {
            waiting.cancelled().await;
            echo(question).await
        }
    });
    let asker = rig.bus.clone();
    let asking = tokio::spawn(async move { asker.ask(QUESTION, question("last"), SOON).await });
    taken.until(1).await;
    server.shutdown.cancel();
    rig.until_consumers(QUESTION, 0).await;
    gate.cancel();
    server.task.await.unwrap();
    assert_eq!(text(&asking.await.unwrap().unwrap()), "re: last");
}

#[tokio::test]
async fn a_server_that_panics_answers_the_next_question() {
    let rig = Rig::new().await;
    let server = serve(&rig.bus, 1, |question: Letter| {
        assert_ne!(text(&question), "bad", "the handler stumbles");
        echo(question)
    });
    let bad = rig.bus.ask(QUESTION, question("bad"), Duration::from_millis(500)).await;
    assert_eq!(bad.unwrap_err(), AskError::Timeout);
    let good = rig.bus.ask(QUESTION, question("good"), SOON).await.unwrap();
    assert_eq!(text(&good), "re: good");
    server.stop().await;
}

#[tokio::test]
async fn an_asker_whose_wire_is_cut_is_told_before_its_patience_ends() {
    let rig = Rig::new().await;
    let (asker, wire) = rig.behind_a_proxy().await;
    let taken = Seen::default();
    let noting = taken.clone();
    let server = serve(&rig.bus, 8, move |question: Letter| {
        noting.note(question.clone());
        async move {
            if text(&question) == "hang" {
                std::future::pending::<()>().await;
            }
            echo(question).await
        }
    });
    let asking = asker.clone();
    let open = tokio::spawn(async move { asking.ask(QUESTION, question("hang"), SOON * 10).await });
    taken.until(1).await;
    wire.cut();
    assert!(matches!(open.await.unwrap(), Err(AskError::Unavailable(_))));
    wire.heal();
    let again = until(SOON, "an answer after the cut", || async {
        asker.ask(QUESTION, question("again"), Duration::from_secs(5)).await.ok()
    })
    .await;
    assert_eq!(text(&again), "re: again");
    server.task.abort();
}
