//! What a tenant's payment service says it has taken.

use domain::PracticeId;
use store::{Announced, PaymentTaken};

use crate::rig::Rig;

const PAID: PaymentTaken<'_> =
    PaymentTaken { reference: "pi_1", minor: 4_070, currency: "USD", method: None, patient: Some("101") };

#[tokio::test(flavor = "multi_thread")]
async fn p3_an_announced_payment_is_one_payment_of_one_practice_and_of_one_tenant() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    let mut tx = rig.store.tenant(mine.tenant).await.unwrap();
    assert_eq!(tx.announce_payment(&PAID, "a key").await.unwrap(), Announced::New);
    assert_eq!(tx.announce_payment(&PAID, "another key").await.unwrap(), Announced::Before);
    for other in [
        PaymentTaken { minor: 4_071, ..PAID },
        PaymentTaken { currency: "CAD", ..PAID },
        PaymentTaken { patient: Some("102"), ..PAID },
    ] {
        assert_eq!(tx.announce_payment(&other, "a key").await.unwrap(), Announced::Different, "{other:?}");
        assert_eq!(tx.take_payment(&other, mine.practice).await.unwrap(), None, "{other:?}");
    }
    for _ in 0..2 {
        assert_eq!(tx.take_payment(&PAID, mine.practice).await.unwrap(), Some(None), "asked again");
    }
    assert_eq!(tx.take_payment(&PAID, PracticeId::new()).await.unwrap(), None, "another practice has it");
    tx.commit().await.unwrap();
    let mut tx = rig.store.tenant(theirs.tenant).await.unwrap();
    assert_eq!(tx.take_payment(&PAID, theirs.practice).await.unwrap(), None, "it is not theirs");
    let own = PaymentTaken { method: Some("transfer"), patient: None, ..PAID };
    assert_eq!(tx.announce_payment(&own, "their key").await.unwrap(), Announced::New);
    let asked = PaymentTaken { patient: Some("7"), ..PAID };
    let taken = tx.take_payment(&asked, theirs.practice).await.unwrap();
    assert_eq!(taken, Some(Some("transfer".to_owned())));
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_payment_is_kept_for_three_times_the_days() {
    let rig = Rig::new().await;
    let mine = rig.clinic("mine").await;
    let mut tx = rig.store.tenant(mine.tenant).await.unwrap();
    tx.announce_payment(&PAID, "a key").await.unwrap();
    tx.commit().await.unwrap();
    for (days, left) in [(89, 1), (91, 0)] {
        let aged = format!("UPDATE payments_taken SET told_at = now() - interval '{days} days'");
        rig.owner.batch_execute(&aged).await.unwrap();
        let mut tx = rig.store.machinery().await.unwrap();
        tx.sweep(30).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(rig.number("SELECT count(*) FROM payments_taken").await, left, "{days}");
    }
}
