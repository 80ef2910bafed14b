use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::desk::{Desk, OFFICE};

/// A receiver that answers everything with `status`: its address, and what it was sent.
async fn listener(status: u16) -> (String, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let (into, out) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let into = into.clone();
            tokio::spawn(async move {
                let mut text = String::new();
                let mut bytes = [0; 8192];
                while let Ok(count) = stream.read(&mut bytes).await {
                    text.push_str(&String::from_utf8_lossy(&bytes[..count]));
                    if count == 0 || text.ends_with('}') {
                        break;
                    }
                }
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                drop(stream.write_all(answer.as_bytes()).await);
                drop(into.send(text));
            });
        }
    });
    (url, out)
}

fn body(text: &str) -> Value {
    let start = text.find("\r\n\r\n").expect("a head") + 4;
    serde_json::from_str(&text[start..]).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[tokio::test]
async fn q18_a_purchase_is_told_before_the_office_is_listed_and_its_data_comes_later() {
    let desk = Desk::open().await;
    let (url, mut told) = listener(200).await;
    desk.admin(Method::PUT, "sikka/webhooks", json!({ "install_url": url })).await;
    let purchase = json!({ "lag_seconds": 60, "load_seconds": 600, "copies": 2 });
    desk.admin(Method::POST, &format!("sikka/offices/{OFFICE}/purchase"), purchase).await;
    for _ in 0..2 {
        let notice = told.recv().await.expect("a notice");
        assert!(!notice.to_ascii_lowercase().contains("callback-key"), "no header proves it: {notice}");
        let notice = body(&notice);
        assert_eq!((&notice["MasterCustomerID"], &notice["Status"]), (&json!(OFFICE), &json!("Active")));
        assert_eq!(notice["CancelDate"], "");
    }
    assert!(desk.app(Method::GET, "authorized_practices").await.items().is_empty(), "too early");
    desk.advance(61).await;
    assert_eq!(desk.app(Method::GET, "authorized_practices").await.items().len(), 1);
    assert_eq!(desk.get("patients").await.code(), (401, "API2007".to_owned()), "its location is off");
    let on = json!({ "office_id": OFFICE, "practice_id": "1", "access": "ON" });
    let request = desk.http.post(format!("{}/practice_location", desk.vendor)).json(&on);
    let request = request.header("App-Id", "sandbox-app").header("App-Key", "sandbox-app-key");
    assert!(request.send().await.expect("an answer").status().is_success());
    assert_eq!(desk.get("patients").await.code(), (500, "API2010".to_owned()));
    desk.advance(600).await;
    assert_eq!(desk.get("patients").await.status, 200);
    desk.admin(Method::POST, &format!("sikka/offices/{OFFICE}/cancel"), json!({})).await;
    let notice = body(&told.recv().await.expect("a notice"));
    assert_eq!(notice["Status"], "Cancelled");
    assert!(notice["CancelDate"].as_str().is_some_and(|date| date.len() == 19), "{notice}");
    desk.close().await;
}

#[tokio::test]
async fn q21_a_refresh_is_told_with_the_callback_key_and_no_record_and_a_lost_one_is_not() {
    let desk = Desk::open().await;
    let (url, mut told) = listener(204).await;
    let settings = json!({ "change_url": url, "callback_key": "not-a-real-callback-key" });
    desk.admin(Method::PUT, "sikka/webhooks", settings).await;
    desk.dial(json!({ "lose_webhooks": 1, "double_webhooks": 1 })).await;
    desk.admin(Method::POST, &format!("sikka/offices/{OFFICE}/refresh"), json!({})).await;
    desk.admin(Method::POST, &format!("sikka/offices/{OFFICE}/refresh"), json!({})).await;
    let (first, second) = (told.recv().await.expect("one"), told.recv().await.expect("its double"));
    assert!(first.contains("callback-key: not-a-real-callback-key"), "{first}");
    let first = body(&first);
    assert_eq!(first, body(&second), "doubled to the letter");
    assert_eq!((&first["event"], &first["practice_id"]), (&json!("Data_Refresh"), &json!(1)));
    assert_eq!(first["financial_system_refresh_date"], "1111-11-11");
    let started = Instant::now();
    loop {
        let seen = desk.look("sikka/webhooks").await;
        assert_eq!(seen["callback_key"], "[secret]");
        if seen["deliveries"].as_array().is_some_and(|tries| tries.len() == 2) {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{seen}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    desk.close().await;
}
