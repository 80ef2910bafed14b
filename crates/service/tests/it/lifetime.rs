use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use actix_web::web;
use service::{ApiError, App, Background, Readiness};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};

use crate::probe::{boot, get, until};

#[tokio::test]
async fn a_service_without_routes_is_alive_and_ready() {
    let mut running = boot(5, |_| async { Ok(App::new()) }).await;
    assert_eq!(get(running.address, "/health").await.json()["status"], "alive");
    let ready = get(running.address, "/ready").await;
    assert_eq!((ready.status, &ready.json()["status"]), (200, &"ready".into()));
    assert_eq!(get(running.address, "/metrics").await.status, 200);
    running.drain().await;
}

#[tokio::test]
async fn a_failing_check_makes_the_service_not_ready_and_keeps_its_reason_inside() {
    let up = Arc::new(AtomicBool::new(false));
    let database = up.clone();
    let readiness = Readiness::new().check("broker", || async { Ok::<(), Infallible>(()) }).check(
        "database",
        move || {
            let up = database.load(Ordering::Relaxed);
            async move { if up { Ok(()) } else { Err("no route to 10.0.0.7") } }
        },
    );
    let mut running = boot(5, |_| async { Ok(App::new().readiness(readiness)) }).await;
    let ready = get(running.address, "/ready").await;
    assert_eq!((ready.status, &ready.json()["status"]), (503, &"not_ready".into()));
    assert_eq!(ready.json()["checks"]["database"]["status"], "failed");
    assert_eq!(ready.json()["checks"]["broker"]["status"], "ok");
    assert!(!ready.body.contains("10.0.0.7"), "{ready:?}");
    up.store(true, Ordering::Relaxed);
    assert_eq!(get(running.address, "/ready").await.status, 200);
    running.drain().await;
}

#[tokio::test]
async fn p1_a_drain_answers_what_is_in_flight_before_it_stops_background_work() {
    let (entered, release) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let closed = Arc::new(AtomicBool::new(false));
    let gate = web::Data::new((entered.clone(), release.clone()));
    let closing = closed.clone();
    let mut stop = None;
    let mut running = boot(10, |start| {
        stop = Some(start.stop_token());
        async {
            let app = App::new().routes(move |config| {
                config.app_data(gate.clone()).service(web::resource("/slow").get(slow));
            });
            Ok(app.on_stop(move || async move { closing.store(true, Ordering::Relaxed) }))
        }
    })
    .await;
    let (address, stop) = (running.address, stop.expect("build ran"));

    let in_flight = tokio::spawn(async move { get(address, "/slow").await });
    entered.acquire().await.expect("open").forget();
    let draining = tokio::spawn(async move { running.drain().await });
    until("it refuses new connections", || async { TcpStream::connect(address).await.is_err() }).await;
    assert!(!stop.is_cancelled(), "a request in flight may need what runs in the background");
    assert!(!closed.load(Ordering::Relaxed));

    release.notify_one();
    let reply = in_flight.await.expect("no panic");
    assert_eq!((reply.status, reply.body.as_str()), (200, "done"));
    draining.await.expect("no panic");
    assert!(stop.is_cancelled());
    assert!(closed.load(Ordering::Relaxed));
}

async fn slow(gate: web::Data<(Arc<Semaphore>, Arc<Notify>)>) -> Result<&'static str, ApiError> {
    gate.0.add_permits(1);
    gate.1.notified().await;
    Ok("done")
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_a_drain_up() {
    let mut running = boot(30, |_| async { Ok(App::new()) }).await;
    let idle = TcpStream::connect(running.address).await.expect("it listens");
    let drain = tokio::time::timeout(std::time::Duration::from_secs(5), running.drain());
    drain.await.expect("it does not wait for the caller to hang up");
    drop(idle);
}

#[tokio::test]
async fn a_background_task_that_panics_is_restarted_and_the_service_says_so() {
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    let mut running = boot(5, |start| async move {
        start.background.run("relay", move |stop| {
            let run = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                assert!(run > 0, "the first run fails");
                stop.cancelled().await;
                Ok::<(), Infallible>(())
            }
        });
        Ok(App::new())
    })
    .await;
    let address = running.address;
    until("it runs again", || async {
        let ready = get(address, "/ready").await.json();
        ready["status"] == "ready" && ready["tasks"]["relay"]["restarts"] == 1
    })
    .await;
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    running.drain().await;
}

#[tokio::test]
async fn a_background_task_that_keeps_failing_makes_the_service_not_ready() {
    let mut running = boot(5, |start| async move {
        start.background.run("relay", |_| async { Err("the queue is gone") });
        Ok(App::new())
    })
    .await;
    let address = running.address;
    until("it waits", || async {
        let ready = get(address, "/ready").await;
        ready.status == 503 && ready.json()["tasks"]["relay"]["state"] == "waiting"
    })
    .await;
    running.drain().await;
}

#[tokio::test]
async fn a_background_task_that_does_not_stop_is_dropped_at_the_limit() {
    struct Dropped(Arc<AtomicBool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let seen = dropped.clone();
    let mut running = boot(0, |start| async move {
        start.background.run("stubborn", move |_| {
            let held = Dropped(seen.clone());
            async move {
                let _held = held;
                std::future::pending::<Result<(), Infallible>>().await
            }
        });
        Ok(App::new())
    })
    .await;
    running.drain().await;
    until("it was dropped", || async { dropped.load(Ordering::Relaxed) }).await;
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_setting() {
    let running = boot(0, |_| async { Ok(App::new()) }).await;
    let http = service::settings::HttpSettings { port: running.address.port(), ..Default::default() };
    let settings = crate::probe::Probe { http, ..Default::default() };
    let error = service::start("probe", settings, |_| async { Ok(App::new()) }).await.expect_err("taken");
    let text = format!("{error:#}");
    assert!(text.contains("http.port") && text.contains(&running.address.port().to_string()), "{text}");
}

#[test]
fn an_empty_set_of_tasks_prints_without_a_runtime() {
    assert_eq!(format!("{:?}", Background::new()), "{}");
}
