//! What a caller has shown counts in their call alone, and for hours.

use domain::TenantId;
use serde_json::json;
use store::{CountedGuess, StoreError};

use crate::rig::Rig;

async fn prove(
    rig: &Rig,
    tenant: TenantId,
    call: &str,
    patients: &[&str],
    proof: &str,
) -> Result<(), StoreError> {
    let mut tx = rig.store.tenant(tenant).await?;
    tx.prove(call, patients, proof).await?;
    tx.commit().await
}

async fn proof(rig: &Rig, tenant: TenantId, call: &str, patients: &[&str]) -> Option<String> {
    let mut tx = rig.store.tenant(tenant).await.unwrap();
    let proof = tx.proof(call, patients).await.unwrap();
    tx.commit().await.unwrap();
    proof
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_proof_counts_for_its_tenant_its_call_and_its_patients_and_the_greater_stays() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await.tenant, rig.clinic("theirs").await.tenant);
    prove(&rig, mine, "call-1", &["101", "wb_1"], "phone").await.unwrap();
    assert_eq!(proof(&rig, mine, "call-1", &["wb_1"]).await.as_deref(), Some("phone"));
    assert_eq!(proof(&rig, mine, "call-1", &["102"]).await, None);
    assert_eq!(proof(&rig, mine, "call-2", &["101"]).await, None);
    assert_eq!(proof(&rig, theirs, "call-1", &["101"]).await, None);
    prove(&rig, mine, "call-1", &["101"], "name_and_birth").await.unwrap();
    prove(&rig, mine, "call-1", &["101"], "phone").await.unwrap();
    assert_eq!(proof(&rig, mine, "call-1", &["102", "101", "wb_1"]).await.as_deref(), Some("name_and_birth"));
    assert!(prove(&rig, mine, "call-1", &["103"], "a_guess").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_a_call_long_over_counts_for_nothing_and_is_forgotten() {
    let rig = Rig::new().await;
    let tenant = rig.clinic("mine").await.tenant;
    prove(&rig, tenant, "call-1", &["101"], "phone").await.unwrap();
    prove(&rig, tenant, "call-2", &["101"], "phone").await.unwrap();
    let age = "UPDATE call_identities SET proven_at = now() - interval '25 hours' WHERE call_id = 'call-1'";
    rig.owner.batch_execute(age).await.unwrap();
    assert_eq!(proof(&rig, tenant, "call-1", &["101"]).await, None);
    // A conversation may go on for days: whoever shows it anew is known anew.
    prove(&rig, tenant, "call-3", &["101"], "name_and_birth").await.unwrap();
    for shown in ["phone", "name_and_birth"] {
        let age =
            "UPDATE call_identities SET proven_at = now() - interval '5 hours' WHERE call_id = 'call-3'";
        rig.owner.batch_execute(age).await.unwrap();
        assert_eq!(proof(&rig, tenant, "call-3", &["101"]).await, None);
        prove(&rig, tenant, "call-3", &["101"], shown).await.unwrap();
        assert_eq!(proof(&rig, tenant, "call-3", &["101"]).await.as_deref(), Some(shown));
    }
    let mut tx = rig.store.machinery().await.unwrap();
    assert_eq!(tx.sweep_identities().await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(proof(&rig, tenant, "call-2", &["101"]).await.as_deref(), Some("phone"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_guess_counts_once_in_its_tenants_call_and_is_forgotten() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await.tenant, rig.clinic("theirs").await.tenant);
    for guess in [b"one", b"two", b"one"] {
        let mut tx = rig.store.tenant(mine).await.unwrap();
        tx.guessed("call-1", guess).await.unwrap();
        tx.commit().await.unwrap();
    }
    for (tenant, call, guesses) in [(mine, "call-1", 2), (mine, "call-2", 0), (theirs, "call-1", 0)] {
        let mut tx = rig.store.tenant(tenant).await.unwrap();
        assert_eq!(tx.guesses(call).await.unwrap(), guesses, "{call}");
        tx.commit().await.unwrap();
    }
    rig.owner
        .batch_execute("UPDATE call_guesses SET guessed_at = now() - interval '25 hours'")
        .await
        .unwrap();
    let mut tx = rig.store.machinery().await.unwrap();
    assert_eq!(tx.sweep_identities().await.unwrap(), 2);
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_of_many_guesses_at_the_same_time_no_more_are_counted_than_a_call_has() {
    let rig = Rig::new().await;
    let tenant = rig.clinic("mine").await.tenant;
    let counted = futures_util::future::join_all((0..12_u8).map(async |number| {
        let mut tx = rig.store.tenant(tenant).await.unwrap();
        let counted = tx.guessing("call-1", &[number], 3).await.unwrap();
        // Others are at it before this one ends.
        tokio::task::yield_now().await;
        tx.commit().await.unwrap();
        (number, counted)
    }))
    .await;
    let now: Vec<u8> = counted
        .iter()
        .filter(|(_, counted)| *counted == CountedGuess::Now)
        .map(|(number, _)| *number)
        .collect();
    assert_eq!(now.len(), 3, "{counted:?}");
    assert_eq!(counted.iter().filter(|(_, counted)| *counted == CountedGuess::TooMany).count(), 9);
    let mut tx = rig.store.tenant(tenant).await.unwrap();
    tx.guessed_right("call-1", &[now[0]]).await.unwrap();
    assert_eq!(tx.guessing("call-1", &[now[1]], 3).await.unwrap(), CountedGuess::Before);
    assert_eq!(tx.guessing("call-1", b"another", 3).await.unwrap(), CountedGuess::Now);
    assert_eq!(tx.guessing("call-1", b"one more", 3).await.unwrap(), CountedGuess::TooMany);
    assert_eq!(tx.guessing("call-2", b"one more", 3).await.unwrap(), CountedGuess::Now);
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_rules_are_its_own_and_strict_until_it_chooses() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await.tenant, rig.clinic("theirs").await.tenant);
    let rules = json!({ "otherwise": "name_and_birth" });
    let mut tx = rig.store.machinery().await.unwrap();
    tx.put_identity_rules(mine, &rules).await.unwrap();
    tx.commit().await.unwrap();
    for (tenant, expected) in [(mine, rules), (theirs, json!({}))] {
        let mut tx = rig.store.tenant(tenant).await.unwrap();
        assert_eq!(tx.identity_rules().await.unwrap(), expected);
        tx.commit().await.unwrap();
    }
}
