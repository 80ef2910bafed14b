use serde_json::{Value, json};
use testbed::until;

use crate::http::Answer;
use crate::rig::{CALLBACK_KEY, Rig, SOON};

const LINK: &str = "0123456789abcdef0123456789abcdef";

async fn linked(rig: &Rig) {
    let mut tx = rig.store.machinery().await.unwrap();
    tx.add_install_link(rig.tenant, "sikka", &seal::sha256(LINK.as_bytes())).await.unwrap();
    tx.commit().await.unwrap();
}

fn bought(status: &str) -> Value {
    json!({
        "Source": "Sikka", "MasterCustomerID": "D10001", "PartnerRegistrationID": "REG-1", "Order#": "SO-1",
        "Status": status, "PurchaseDate": "2026-11-20T09:30:00", "CancelDate": "", "FirstName": "Pat",
    })
}

async fn install(rig: &Rig, secret: &str, body: &Value) -> Answer {
    rig.request("POST", &format!("/api/sikka/install/{secret}"), &[], body.to_string().as_bytes()).await
}

async fn change(rig: &Rig, key: Option<&str>, body: &Value) -> Answer {
    let headers: Vec<(&str, &str)> = key.map(|key| ("callback-key", key)).into_iter().collect();
    rig.request("POST", "/api/sikka/webhook", &headers, body.to_string().as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_an_install_is_its_tenants_and_a_repeat_of_it_has_the_same_id() {
    let rig = Rig::new().await;
    linked(&rig).await;
    for body in [bought("Active"), bought("Active"), bought("Cancelled")] {
        let answer = install(&rig, LINK, &body).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "{}"), "{answer:?}");
    }
    let taken = rig.take_from(bus::topology::SIKKA_WEBHOOKS, 3).await;
    let tenant = rig.tenant.to_string();
    for (letter, received) in &taken {
        assert_eq!(letter.routing_key, "sikka.install");
        assert_eq!(letter.tenant.as_deref(), Some(tenant.as_str()));
        assert_eq!(received.source, "sikka");
    }
    assert_eq!(taken[0].0.message_id, taken[1].0.message_id);
    assert_ne!(taken[0].1.delivery_id, taken[1].1.delivery_id);
    assert_ne!(taken[0].0.message_id, taken[2].0.message_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_know_the_secret_is_refused_and_nothing_is_kept() {
    let rig = Rig::new().await;
    linked(&rig).await;
    let refused = install(&rig, "guessed", &bought("Active")).await;
    assert_eq!(refused.status, 401, "{refused:?}");
    assert_eq!(refused.json()["error"]["code"], "unauthenticated");
    for key in [None, Some(""), Some("guessed"), Some("not-a-real-callback-ke")] {
        assert_eq!(change(&rig, key, &json!({ "event": "Data_Refresh" })).await.status, 401, "{key:?}");
    }
    let mut tx = rig.store.machinery().await.unwrap();
    tx.revoke_install_links(rig.tenant, "sikka").await.unwrap();
    tx.commit().await.unwrap();
    for _ in 0..3 {
        assert_eq!(install(&rig, LINK, &bought("Active")).await.status, 401, "revoked");
    }
    assert_eq!(rig.spilled().await, 0);
    let mut tx = rig.store.tenant(rig.tenant).await.unwrap();
    let kept = tx.audit_records(0, 10).await.unwrap();
    let kept: Vec<_> =
        kept.iter().map(|one| (one.action.as_str(), one.actor.as_str(), one.outcome.as_str())).collect();
    assert_eq!(kept, [("sign_in.refused", "sikka install address", "refused")], "once in a while");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_callback_key_of_our_own_every_change_is_refused() {
    let rig = Rig::with(|settings| settings.sikka.callback_key = None).await;
    for key in [None, Some(""), Some(CALLBACK_KEY)] {
        assert_eq!(change(&rig, key, &json!({ "event": "Data_Refresh" })).await.status, 401, "{key:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_with_the_broker_away_an_install_waits_in_the_database_and_stays_its_tenants() {
    let rig = Rig::new().await;
    linked(&rig).await;
    rig.broker.cut();
    assert_eq!(install(&rig, LINK, &bought("Active")).await.status, 200);
    let told = json!({ "event": "Data_Refresh", "office_id": "D10001", "practice_id": 1, "generated_time": "2026-11-20T10:00:00" });
    assert_eq!(change(&rig, Some(CALLBACK_KEY), &told).await.status, 200);
    assert_eq!(rig.spilled().await, 2);
    rig.broker.heal();
    until(SOON, "an empty database", || async { (rig.spilled().await == 0).then_some(()) }).await;
    let taken = rig.take_from(bus::topology::SIKKA_WEBHOOKS, 2).await;
    let tenant = rig.tenant.to_string();
    assert_eq!(taken[0].0.tenant.as_deref(), Some(tenant.as_str()));
    assert_eq!((taken[1].0.routing_key.as_str(), taken[1].0.tenant.as_deref()), ("sikka.change", None));
    // With both away the vendor keeps it.
    rig.broker.cut();
    rig.base.cut();
    let answer = change(&rig, Some(CALLBACK_KEY), &json!({ "event": "x", "office_id": "D10001" })).await;
    assert_eq!((answer.status, answer.headers["retry-after"].as_str()), (503, "5"));
}
