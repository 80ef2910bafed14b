//! Alerts on their way to where they are wanted.

use domain::AlertKind;
use seal::Secret;
use store::{AlertLane, AlertMail, AlertNews, DeliveryEnd, NewAlert, NewAlertDestination, StoreError};

use crate::rig::{Clinic, Rig};

async fn destination(rig: &Rig, clinic: Clinic, name: &str) -> domain::AlertDestinationId {
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    let id = tx
        .add_alert_destination(&NewAlertDestination {
            name,
            url: &Secret::new(format!("https://hooks.example.com/{name}")),
            secret: &Secret::from("whsec_c2VjcmV0"),
            created_by: "test",
        })
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

async fn raise(rig: &Rig, clinic: Clinic) {
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    let alert =
        NewAlert { connection: Some(clinic.connection), kind: AlertKind::Reauthorise, happened: "It ended." };
    tx.raise(&alert).await.unwrap();
    tx.commit().await.unwrap();
}

async fn resolve(rig: &Rig, clinic: Clinic) {
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.clear(Some(clinic.connection), AlertKind::Reauthorise).await.unwrap();
    tx.commit().await.unwrap();
}

/// Spreads what is new, and claims what is due.
async fn claim(rig: &Rig) -> Vec<AlertMail> {
    let mut tx = rig.store.machinery().await.unwrap();
    tx.spread_alerts(true).await.unwrap();
    let mut mail = tx.claim_alert_mail(AlertLane::Webhooks { each: 100 }, 100, 60.0).await.unwrap();
    mail.extend(tx.claim_alert_mail(AlertLane::Operator, 100, 60.0).await.unwrap());
    tx.commit().await.unwrap();
    mail
}

async fn end(rig: &Rig, mail: &AlertMail, how: DeliveryEnd<'_>) -> bool {
    let mut tx = rig.store.machinery().await.unwrap();
    let noted = tx.alert_mail_ended(mail.id, mail.attempt, how).await.unwrap();
    tx.commit().await.unwrap();
    noted
}

async fn pass(rig: &Rig) {
    let sql = "UPDATE alert_deliveries SET next_at = next_at - interval '1 h', lease_until = lease_until - interval '1 h'";
    rig.owner.batch_execute(sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_goes_once_to_each_place_of_its_tenant_and_to_the_operator() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    for name in ["one", "two"] {
        destination(&rig, mine, name).await;
    }
    destination(&rig, theirs, "three").await;
    raise(&rig, mine).await;
    let mail = claim(&rig).await;
    let mut urls: Vec<String> = mail
        .iter()
        .map(|one| one.destination.as_ref().map_or("operator".to_owned(), |(url, _)| url.expose().clone()))
        .collect();
    urls.sort_unstable();
    assert_eq!(urls, ["https://hooks.example.com/one", "https://hooks.example.com/two", "operator"]);
    for one in &mail {
        assert_eq!((one.news, one.attempt, one.tenant_slug.as_deref()), (AlertNews::Raised, 1, Some("mine")));
        assert_eq!((one.alert.code.as_str(), one.alert.practice.as_deref()), ("reauthorise", Some("mine")));
        assert!(end(&rig, one, DeliveryEnd::Sent).await);
        assert!(!end(&rig, one, DeliveryEnd::Sent).await, "it has ended");
    }
    pass(&rig).await;
    assert!(claim(&rig).await.is_empty());
    resolve(&rig, mine).await;
    assert_eq!(claim(&rig).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_delivery_is_leased_tried_again_later_and_taken_over_from_one_that_died() {
    let rig = Rig::new().await;
    let mine = rig.clinic("mine").await;
    raise(&rig, mine).await;
    let first = claim(&rig).await.remove(0);
    assert!(claim(&rig).await.is_empty(), "another replica leaves it alone");
    pass(&rig).await;
    let second = claim(&rig).await.remove(0);
    assert_eq!((second.id, second.attempt), (first.id, 2), "the first died on the way");
    assert!(!end(&rig, &first, DeliveryEnd::Parked("late")).await, "what it says now is late");
    assert!(end(&rig, &second, DeliveryEnd::Again(1_800.0, "it answered 500")).await);
    assert!(claim(&rig).await.is_empty());
    pass(&rig).await;
    let third = claim(&rig).await.remove(0);
    assert!(end(&rig, &third, DeliveryEnd::Parked("it answered 500")).await);
    pass(&rig).await;
    assert!(claim(&rig).await.is_empty());
    let mut tx = rig.store.machinery().await.unwrap();
    assert_eq!(tx.parked_alert_mail().await.unwrap(), 1);
    let known = tx.alert_deliveries(first.alert.id).await.unwrap().remove(0);
    assert_eq!((known.state.as_str(), known.attempts), ("parked", 3));
    assert_eq!(known.reason.as_deref(), Some("it answered 500"));
    assert_eq!(tx.retry_alert_mail(first.alert.id).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(claim(&rig).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn that_an_alert_is_over_is_told_to_those_alone_who_heard_of_it_and_are_still_there() {
    let rig = Rig::new().await;
    let mine = rig.clinic("mine").await;
    destination(&rig, mine, "one").await;
    let leaves = destination(&rig, mine, "two").await;
    raise(&rig, mine).await;
    for mail in claim(&rig).await {
        assert!(end(&rig, &mail, DeliveryEnd::Sent).await);
    }
    destination(&rig, mine, "late").await;
    let mut tx = rig.store.tenant(mine.tenant).await.unwrap();
    tx.remove_alert_destination(leaves).await.unwrap();
    tx.commit().await.unwrap();
    resolve(&rig, mine).await;
    let mail = claim(&rig).await;
    let urls = mail.iter().map(|one| one.destination.as_ref().map(|(url, _)| url.expose().clone()));
    assert_eq!(urls.collect::<Vec<_>>(), [Some("https://hooks.example.com/one".to_owned()), None]);
    let all = rig.number("SELECT count(*) FROM alert_deliveries WHERE news = 'resolved'").await;
    assert_eq!(all, 2, "nothing is written down for the others");
    raise(&rig, mine).await;
    let mail = claim(&rig).await;
    assert_eq!(mail.len(), 3, "nothing is written down for who left: {mail:?}");
    let urls = mail.into_iter().filter_map(|one| Some(one.destination?.0.expose().clone()));
    let mut urls: Vec<String> = urls.collect();
    urls.sort_unstable();
    assert_eq!(urls, ["https://hooks.example.com/late", "https://hooks.example.com/one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn that_an_alert_is_over_is_not_told_before_that_it_was_there() {
    let rig = Rig::new().await;
    let mine = rig.clinic("mine").await;
    raise(&rig, mine).await;
    resolve(&rig, mine).await;
    let first = claim(&rig).await;
    assert_eq!(first.iter().map(|one| one.news).collect::<Vec<_>>(), [AlertNews::Raised]);
    assert!(claim(&rig).await.is_empty());
    end(&rig, &first[0], DeliveryEnd::Parked("nobody answers")).await;
    assert_eq!(claim(&rig).await[0].news, AlertNews::Resolved);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_p8_a_destination_is_sealed_its_tenants_own_and_gone_when_it_is_removed() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    let id = destination(&rig, mine, "one").await;
    let row = rig.owner.query_one("SELECT url, secret FROM alert_destinations", &[]).await.unwrap();
    for column in 0..2 {
        let bytes: Vec<u8> = row.get(column);
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("hooks.example") && !text.contains("whsec"), "{text}");
    }
    let mut tx = rig.store.tenant(theirs.tenant).await.unwrap();
    assert!(tx.alert_destinations().await.unwrap().is_empty());
    assert!(matches!(tx.remove_alert_destination(id).await, Err(StoreError::NotFound)));
    tx.commit().await.unwrap();
    raise(&rig, mine).await;
    let mut tx = rig.store.machinery().await.unwrap();
    assert_eq!(tx.spread_alerts(false).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let mut tx = rig.store.tenant(mine.tenant).await.unwrap();
    assert_eq!(tx.alert_destinations().await.unwrap()[0].name, "one");
    tx.remove_alert_destination(id).await.unwrap();
    assert!(matches!(tx.remove_alert_destination(id).await, Err(StoreError::NotFound)));
    tx.commit().await.unwrap();
    let mail = claim(&rig).await;
    assert_eq!((mail.len(), mail[0].unwanted), (1, Some("the destination was removed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_one_tenants_many_places_leave_room_for_everybody_else() {
    let rig = Rig::new().await;
    let (loud, other) = (rig.clinic("loud").await, rig.clinic("other").await);
    for number in 0..20 {
        destination(&rig, loud, &format!("slow-{number}")).await;
    }
    destination(&rig, other, "well").await;
    raise(&rig, loud).await;
    let mut tx = rig.store.machinery().await.unwrap();
    tx.spread_alerts(true).await.unwrap();
    tx.commit().await.unwrap();
    raise(&rig, other).await;
    let claim = async |lane, most| {
        let mut tx = rig.store.machinery().await.unwrap();
        tx.spread_alerts(true).await.unwrap();
        let mail = tx.claim_alert_mail(lane, most, 60.0).await.unwrap();
        tx.commit().await.unwrap();
        mail
    };
    let slugs = |mail: &[AlertMail]| {
        let mut slugs: Vec<String> = mail.iter().filter_map(|one| one.tenant_slug.clone()).collect();
        slugs.sort_unstable();
        slugs
    };
    let webhooks = AlertLane::Webhooks { each: 4 };
    let first = claim(webhooks, 16).await;
    assert_eq!(slugs(&first), ["loud", "loud", "loud", "loud", "other"]);
    assert!(claim(webhooks, 16).await.is_empty(), "those on their way count");
    assert_eq!(slugs(&claim(AlertLane::Operator, 16).await), ["loud", "other"]);
    let ended = first.iter().find(|one| one.tenant_slug.as_deref() == Some("loud")).unwrap();
    assert!(end(&rig, ended, DeliveryEnd::Sent).await);
    assert_eq!(slugs(&claim(webhooks, 16).await), ["loud"], "one has ended: there is room for one");
}
