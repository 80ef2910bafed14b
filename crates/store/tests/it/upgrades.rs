//! What becomes of rows that are older than a migration.

use seal::Secret;

use crate::rig::Rig;

const UP: &str = include_str!("../../../../migrations/2026-11-20-000015_whose_hands/up.sql");
const DOWN: &str = include_str!("../../../../migrations/2026-11-20-000015_whose_hands/down.sql");

#[tokio::test(flavor = "multi_thread")]
async fn old_keys_hand_out_no_access_old_alerts_are_no_news_and_people_keep_their_names() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    rig.owner.batch_execute(DOWN).await.unwrap();
    let (one, other) = (mine.tenant.uuid(), theirs.tenant.uuid());
    let old = format!(
        "INSERT INTO api_keys (id, tenant_id, name, hash) VALUES (gen_random_uuid(), '{one}', 'old', '\\x01');
         INSERT INTO users (id, issuer, subject, name) VALUES
             ('00000000-0000-7000-8000-000000000001', 'i', 'ann', 'Ann'),
             ('00000000-0000-7000-8000-000000000002', 'i', 'bob', 'Bob');
         INSERT INTO memberships (tenant_id, user_id, role, created_by) VALUES
             ('{one}', '00000000-0000-7000-8000-000000000001', 'owner', 'test'),
             ('{one}', '00000000-0000-7000-8000-000000000002', 'owner', 'test'),
             ('{other}', '00000000-0000-7000-8000-000000000002', 'owner', 'test');
         INSERT INTO alerts (id, tenant_id, code, what_to_do, raised_at, cleared_at) VALUES
             (gen_random_uuid(), '{one}', 'long_over', 'x', now() - interval '9 d', now() - interval '8 d'),
             (gen_random_uuid(), '{one}', 'still_open', 'x', now() - interval '9 d', NULL)"
    );
    rig.owner.batch_execute(&old).await.unwrap();
    rig.owner.batch_execute(UP).await.unwrap();
    let store = store::Store::open(&Secret::new(rig.url()), 2, crate::rig::keys()).await.unwrap();
    let mut tx = store.tenant(mine.tenant).await.unwrap();
    let scopes = tx.api_keys(true).await.unwrap()[0].scopes.clone().unwrap();
    let expected: Vec<&str> = domain::Permission::ALL
        .into_iter()
        .filter(|one| {
            !matches!(*one, domain::Permission::API_KEYS_MANAGE | domain::Permission::MEMBERS_MANAGE)
        })
        .map(domain::Permission::as_str)
        .collect();
    assert_eq!(scopes, expected);
    let names: Vec<String> = tx.members().await.unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["Ann", "Bob"]);
    tx.commit().await.unwrap();
    let mut tx = store.machinery().await.unwrap();
    let ann = tx.signed_in("i", "ann").await.unwrap().unwrap();
    assert!(ann.home().unwrap().is_used, "she is where she was");
    assert!(tx.signed_in("i", "bob").await.unwrap().unwrap().home().is_none(), "he named one of his before");
    assert_eq!(tx.spread_alerts(true).await.unwrap(), 1, "what was over long ago is told nobody");
    tx.commit().await.unwrap();
    assert_eq!(rig.number("SELECT count(*) FROM alert_deliveries").await, 1);
}
