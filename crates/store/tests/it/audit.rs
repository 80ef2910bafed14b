//! P7: the chain of audit records.

use domain::TenantId;
use jiff::Timestamp;
use serde_json::json;
use store::{AuditEnd, AuditFault, AuditReport, NewAudit, Store};
use tokio::task::JoinSet;

use crate::rig::Rig;

pub(crate) fn record(patient: &str) -> NewAudit<'_> {
    NewAudit {
        actor: "voice agent",
        action: "patient.search",
        patient: Some(patient),
        call_id: Some("call-1"),
        tool: Some("searchPatients"),
        outcome: "ok",
        ms: 12,
        detail: json!({ "zeta": [1, 2.5, -0.25], "a": { "c": null, "b": true }, "long key": "é\"" }),
    }
}

async fn append(store: &Store, tenant: TenantId, count: usize) {
    for number in 0..count {
        let mut tx = store.tenant(tenant).await.unwrap();
        tx.audit(&record(&number.to_string())).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn verify(store: &Store, tenant: TenantId, known_end: Option<i64>) -> AuditReport {
    let mut tx = store.tenant(tenant).await.unwrap();
    let known = known_end.map(|sequence| AuditEnd { sequence, hash: None });
    let report = tx.verify_audit(known).await.unwrap();
    tx.commit().await.unwrap();
    report
}

/// What `harm` does to a chain of 120 records, as the verifier sees it.
async fn after(harm: &str) -> Vec<AuditFault> {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    append(&rig.store, clinic.tenant, 60).await;
    rig.owner.batch_execute("CREATE TABLE old_heads AS SELECT * FROM audit_heads").await.unwrap();
    append(&rig.store, clinic.tenant, 60).await;
    let report = verify(&rig.store, clinic.tenant, Some(120)).await;
    assert_eq!((report.records, report.faults), (120, vec![]), "the chain was not whole before");
    rig.owner.batch_execute(harm).await.unwrap();
    verify(&rig.store, clinic.tenant, None).await.faults
}

async fn look(store: &Store, tenant: TenantId) -> AuditReport {
    let mut tx = store.tenant(tenant).await.unwrap();
    let report = tx.look_at_audit().await.unwrap();
    tx.commit().await.unwrap();
    report
}

/// What `harm` does to a chain of 170 records of which 70 were seen whole, as the next look sees it.
async fn look_after(harm: &str) -> Vec<AuditFault> {
    let rig = Rig::new().await;
    let tenant = rig.clinic("mine").await.tenant;
    assert_eq!(look(&rig.store, tenant).await.faults, vec![], "an empty chain is whole");
    append(&rig.store, tenant, 70).await;
    rig.owner.batch_execute("CREATE TABLE old_heads AS SELECT * FROM audit_heads").await.unwrap();
    let report = look(&rig.store, tenant).await;
    assert_eq!((report.records, report.faults), (70, vec![]), "all of it");
    append(&rig.store, tenant, 100).await;
    rig.owner.batch_execute(harm).await.unwrap();
    look(&rig.store, tenant).await.faults
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_look_finds_what_was_done_to_any_record_since_the_chain_was_seen_whole() {
    let at = |sequence| AuditFault::Edited { sequence };
    let cases = [
        ("UPDATE audit_log SET patient = 'x' WHERE sequence = 71", vec![at(71)]),
        ("UPDATE audit_log SET patient = 'x' WHERE sequence = 120", vec![at(120)]),
        ("UPDATE audit_log SET patient = 'x' WHERE sequence = 170", vec![at(170)]),
        ("DELETE FROM audit_log WHERE sequence = 100", vec![AuditFault::Removed { sequence: 100 }]),
        (
            "DELETE FROM audit_log WHERE sequence > 168",
            vec![AuditFault::Truncated { ends_at: 168, ended_at: 170 }],
        ),
        (
            "DELETE FROM audit_log WHERE sequence > 70; DELETE FROM audit_heads;
             INSERT INTO audit_heads SELECT * FROM old_heads",
            vec![AuditFault::Truncated { ends_at: 70, ended_at: 150 }],
        ),
        ("UPDATE audit_heads SET sequence = 169", vec![AuditFault::HeadForged, at(169)]),
        ("DELETE FROM audit_heads", vec![AuditFault::HeadForged]),
        ("UPDATE audit_anchors SET seal = '\\x00' WHERE sequence = 100", vec![AuditFault::HeadForged]),
        // Seen whole before: the look of a later day finds it.
        ("UPDATE audit_log SET patient = 'x' WHERE sequence = 3", vec![]),
        // Whoever moves the place on from which is read has everything read.
        (
            "UPDATE audit_log SET patient = 'x' WHERE sequence = 75; UPDATE audit_looks SET sequence = 160",
            vec![at(75)],
        ),
        (
            "UPDATE audit_log SET patient = 'x' WHERE sequence = 3;
             UPDATE audit_looks SET began_at = began_at + interval '1 hour'",
            vec![at(3)],
        ),
        ("UPDATE audit_log SET patient = 'x', hash = '\\x00' WHERE sequence = 70", vec![at(70), at(71)]),
    ];
    for (harm, faults) in cases {
        assert_eq!(look_after(harm).await, faults, "{harm}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_look_reads_what_is_new_and_what_is_wrong_stays_to_be_found() {
    let rig = Rig::new().await;
    let tenant = rig.clinic("mine").await.tenant;
    append(&rig.store, tenant, 20).await;
    assert_eq!(look(&rig.store, tenant).await.records, 20);
    append(&rig.store, tenant, 5).await;
    assert_eq!(look(&rig.store, tenant).await.records, 5);
    assert_eq!(look(&rig.store, tenant).await.records, 0);
    append(&rig.store, tenant, 5).await;
    rig.owner.batch_execute("UPDATE audit_log SET patient = 'x' WHERE sequence = 27").await.unwrap();
    for _ in 0..2 {
        assert_eq!(look(&rig.store, tenant).await.faults, [AuditFault::Edited { sequence: 27 }]);
    }
}

/// Makes as if the one chain had been read from its beginning so many hours ago, as a service would have noted it.
async fn read_whole(rig: &Rig, tenant: TenantId, hours_ago: i64) {
    let seen = "SELECT sequence, hash FROM audit_looks JOIN audit_log USING (tenant_id, sequence)";
    let seen = rig.owner.query_one(seen, &[]).await.unwrap();
    let (sequence, hash): (i64, Vec<u8>) = (seen.get(0), seen.get(1));
    let began_at = Timestamp::now().as_second() - hours_ago * 3_600;
    let micros = (began_at * 1_000_000).to_be_bytes();
    let key = rig.store.lasting_key("audit").unwrap();
    let seal = key.sign(&[b"look", tenant.uuid().as_bytes(), &sequence.to_be_bytes(), &micros, &hash]);
    let note = "UPDATE audit_looks SET began_at = 'epoch'::timestamptz + $1 * interval '1 second', seal = $2";
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are whole numbers to a float")]
    rig.owner.execute(note, &[&(began_at as f64), &seal]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_once_a_day_a_look_reads_the_whole_chain_however_often_it_read_what_was_new() {
    let rig = Rig::new().await;
    let tenant = rig.clinic("mine").await.tenant;
    append(&rig.store, tenant, 20).await;
    look(&rig.store, tenant).await;
    rig.owner.batch_execute("UPDATE audit_log SET patient = 'x' WHERE sequence = 3").await.unwrap();
    read_whole(&rig, tenant, 23).await;
    append(&rig.store, tenant, 5).await;
    let report = look(&rig.store, tenant).await;
    assert_eq!((report.records, report.faults), (5, vec![]));
    let hours = "SELECT extract(epoch FROM now() - began_at)::bigint / 3600 FROM audit_looks";
    assert_eq!(rig.number(hours).await, 23, "what is new is not the whole");
    read_whole(&rig, tenant, 25).await;
    let report = look(&rig.store, tenant).await;
    assert_eq!((report.records, report.faults), (25, vec![AuditFault::Edited { sequence: 3 }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_field_that_was_nothing_is_not_made_an_empty_one_unseen() {
    let rig = Rig::new().await;
    let tenant = rig.clinic("mine").await.tenant;
    let mut tx = rig.store.tenant(tenant).await.unwrap();
    tx.audit(&NewAudit { call_id: None, ..record("101") }).await.unwrap();
    tx.commit().await.unwrap();
    rig.owner.batch_execute("UPDATE audit_log SET call_id = ''").await.unwrap();
    assert_eq!(verify(&rig.store, tenant, None).await.faults, [AuditFault::Edited { sequence: 1 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_chain_that_was_cut_and_grew_again_past_an_end_known_elsewhere_does_not_match_it() {
    let rig = Rig::new().await;
    let tenant = rig.clinic("mine").await.tenant;
    append(&rig.store, tenant, 10).await;
    rig.owner.batch_execute("CREATE TABLE old_heads AS SELECT * FROM audit_heads").await.unwrap();
    append(&rig.store, tenant, 20).await;
    let known = verify(&rig.store, tenant, None).await.end;
    assert_eq!((known.sequence, known.hash.is_some()), (30, true));
    let cut = "DELETE FROM audit_log WHERE sequence > 10; DELETE FROM audit_heads;
               INSERT INTO audit_heads SELECT * FROM old_heads";
    rig.owner.batch_execute(cut).await.unwrap();
    append(&rig.store, tenant, 30).await;
    let later = verify(&rig.store, tenant, None).await;
    assert_eq!((later.end.sequence, later.faults), (40, vec![]), "the database itself has no note of it");
    let mut tx = rig.store.tenant(tenant).await.unwrap();
    let report = tx.verify_audit([known.clone(), later.end.clone()]).await.unwrap();
    assert_eq!(report.faults, [AuditFault::Edited { sequence: 30 }]);
    let report = tx.verify_audit([later.end, known]).await.unwrap();
    assert_eq!(report.faults, [AuditFault::Edited { sequence: 30 }], "in whatever order they are known");
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_record_of_a_chain_that_was_cut_fits_into_none_that_grew_in_its_place() {
    let rig = Rig::new().await;
    let tenant = rig.clinic("mine").await.tenant;
    append(&rig.store, tenant, 10).await;
    rig.owner.batch_execute("CREATE TABLE old_heads AS SELECT * FROM audit_heads").await.unwrap();
    append(&rig.store, tenant, 10).await;
    let cut = "CREATE TABLE gone AS SELECT * FROM audit_log WHERE sequence = 15;
               DELETE FROM audit_log WHERE sequence > 10; DELETE FROM audit_heads;
               INSERT INTO audit_heads SELECT * FROM old_heads";
    rig.owner.batch_execute(cut).await.unwrap();
    append(&rig.store, tenant, 10).await;
    assert_eq!(verify(&rig.store, tenant, None).await.faults, vec![]);
    let put_in = "DELETE FROM audit_log WHERE sequence = 15; INSERT INTO audit_log SELECT * FROM gone";
    rig.owner.batch_execute(put_in).await.unwrap();
    let at = |sequence| AuditFault::Edited { sequence };
    assert_eq!(verify(&rig.store, tenant, None).await.faults, [at(15), at(16)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_forged_anchor_is_found() {
    let forged = vec![AuditFault::HeadForged];
    assert_eq!(after("UPDATE audit_anchors SET seal = '\\x00' WHERE sequence = 50").await, forged);
    assert_eq!(after("UPDATE audit_anchors SET sequence = 60, hash = (SELECT hash FROM audit_log WHERE sequence = 60) WHERE sequence = 100").await, forged);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_tenant_without_records_has_a_whole_chain() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let report = verify(&rig.store, clinic.tenant, None).await;
    assert_eq!((report.records, report.faults), (0, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_an_edited_record_is_found_whichever_field_was_edited() {
    let edits = [
        "patient = '2'",
        "patient = NULL",
        "actor = 'somebody'",
        "action = 'x'",
        "outcome = 'x'",
        "call_id = tool, tool = call_id",
        "ms = ms + 1",
        "at = at + interval '1 microsecond'",
        "detail = detail || '{\"a\": 1}'",
        "hash = '\\x00'",
    ];
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    append(&rig.store, clinic.tenant, 10).await;
    rig.owner.batch_execute("CREATE TABLE good AS SELECT * FROM audit_log").await.unwrap();
    for edit in edits {
        rig.owner.batch_execute(&format!("UPDATE audit_log SET {edit} WHERE sequence = 4")).await.unwrap();
        let faults = verify(&rig.store, clinic.tenant, None).await.faults;
        assert_eq!(faults.first(), Some(&AuditFault::Edited { sequence: 4 }), "{edit}: {faults:?}");
        rig.owner
            .batch_execute("DELETE FROM audit_log; INSERT INTO audit_log SELECT * FROM good")
            .await
            .unwrap();
        assert_eq!(verify(&rig.store, clinic.tenant, None).await.faults, vec![]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_removed_record_is_found_at_its_place() {
    let faults = after("DELETE FROM audit_log WHERE sequence IN (1, 70, 71)").await;
    let at = |sequence| AuditFault::Removed { sequence };
    assert_eq!(faults, vec![at(1), at(70), at(71)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_chain_cut_short_is_found_by_its_head() {
    let faults = after("DELETE FROM audit_log WHERE sequence > 118").await;
    assert_eq!(faults, vec![AuditFault::Truncated { ends_at: 118, ended_at: 120 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_chain_cut_to_nothing_is_found() {
    let faults = after("DELETE FROM audit_log").await;
    assert_eq!(faults, vec![AuditFault::Truncated { ends_at: 0, ended_at: 120 }]);
    let faults = after("DELETE FROM audit_log; DELETE FROM audit_heads").await;
    assert_eq!(faults, vec![AuditFault::Truncated { ends_at: 0, ended_at: 100 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_forged_head_is_found() {
    let cut = "DELETE FROM audit_log WHERE sequence = 120;
               UPDATE audit_heads h SET sequence = 119, hash = l.hash FROM audit_log l WHERE l.sequence = 119";
    assert_eq!(after(cut).await, vec![AuditFault::HeadForged]);
    assert_eq!(after("DELETE FROM audit_heads").await, vec![AuditFault::HeadForged]);
    assert_eq!(after("UPDATE audit_heads SET seal = '\\x00'").await, vec![AuditFault::HeadForged]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_head_put_back_to_an_older_state_is_found_by_the_anchor() {
    let cut = "DELETE FROM audit_log WHERE sequence > 60; DELETE FROM audit_heads;
               INSERT INTO audit_heads SELECT * FROM old_heads";
    assert_eq!(after(cut).await, vec![AuditFault::Truncated { ends_at: 60, ended_at: 100 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_head_put_back_while_the_records_stay_is_found() {
    let back = "DELETE FROM audit_heads; INSERT INTO audit_heads SELECT * FROM old_heads";
    assert_eq!(after(back).await, vec![AuditFault::HeadForged]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_chain_cut_with_its_anchors_and_its_head_is_found_by_an_end_known_elsewhere() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    append(&rig.store, clinic.tenant, 10).await;
    rig.owner.batch_execute("CREATE TABLE old_heads AS SELECT * FROM audit_heads").await.unwrap();
    append(&rig.store, clinic.tenant, 50).await;
    rig.owner
        .batch_execute(
            "DELETE FROM audit_log WHERE sequence > 10; DELETE FROM audit_anchors; DELETE FROM audit_heads;
             INSERT INTO audit_heads SELECT * FROM old_heads",
        )
        .await
        .unwrap();
    let faults = verify(&rig.store, clinic.tenant, Some(60)).await.faults;
    assert_eq!(faults, vec![AuditFault::Truncated { ends_at: 10, ended_at: 60 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_chain_that_grew_again_over_a_cut_does_not_match_its_anchor() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    append(&rig.store, clinic.tenant, 40).await;
    rig.owner.batch_execute("CREATE TABLE old_heads AS SELECT * FROM audit_heads").await.unwrap();
    append(&rig.store, clinic.tenant, 20).await;
    rig.owner
        .batch_execute(
            "CREATE TABLE old_anchors AS SELECT * FROM audit_anchors; DELETE FROM audit_anchors;
             DELETE FROM audit_log WHERE sequence > 40; DELETE FROM audit_heads;
             INSERT INTO audit_heads SELECT * FROM old_heads",
        )
        .await
        .unwrap();
    append(&rig.store, clinic.tenant, 30).await;
    rig.owner
        .batch_execute("DELETE FROM audit_anchors; INSERT INTO audit_anchors SELECT * FROM old_anchors")
        .await
        .unwrap();
    let faults = verify(&rig.store, clinic.tenant, None).await.faults;
    assert_eq!(faults, vec![AuditFault::Edited { sequence: 50 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_an_added_record_is_found_wherever_it_was_put() {
    let add = |sequence: &str| {
        format!(
            "ALTER TABLE audit_log DROP CONSTRAINT audit_log_sequence_check;
             INSERT INTO audit_log SELECT tenant_id, {sequence}, at, actor, action, patient, call_id, tool, outcome,
                 ms, detail, hash FROM audit_log WHERE sequence = 3"
        )
    };
    let at = |sequence| AuditFault::Edited { sequence };
    assert_eq!(after(&add("0")).await, vec![at(0)]);
    assert_eq!(after(&add("121")).await, vec![at(121), AuditFault::HeadForged]);
    // One far away does not make the verifier list every place up to it.
    let faults = after(&add("9000000000000000000")).await;
    assert!(faults.len() < 2_000 && faults.contains(&AuditFault::HeadForged), "{}", faults.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_record_moved_to_another_tenants_chain_is_found() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    append(&rig.store, mine.tenant, 2).await;
    append(&rig.store, theirs.tenant, 1).await;
    let moving = format!(
        "UPDATE audit_log SET tenant_id = '{}' WHERE tenant_id = '{}' AND sequence = 2",
        theirs.tenant.uuid(),
        mine.tenant.uuid()
    );
    rig.owner.batch_execute(&moving).await.unwrap();
    let faults = verify(&rig.store, theirs.tenant, None).await.faults;
    assert_eq!(faults, vec![AuditFault::Edited { sequence: 2 }, AuditFault::HeadForged]);
    let faults = verify(&rig.store, mine.tenant, None).await.faults;
    assert_eq!(faults, vec![AuditFault::Truncated { ends_at: 1, ended_at: 2 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_records_added_by_many_at_once_make_one_whole_chain_also_while_it_is_verified() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let store = rig.store.clone();
        tasks.spawn(async move { append(&store, clinic.tenant, 10).await });
    }
    while !tasks.is_empty() {
        let faults = verify(&rig.store, clinic.tenant, None).await.faults;
        assert_eq!(faults, vec![], "a chain that grows is not a chain that was cut");
        while let Some(done) = tasks.try_join_next() {
            done.unwrap();
        }
    }
    let report = verify(&rig.store, clinic.tenant, Some(200)).await;
    assert_eq!((report.records, report.faults), (200, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_record_of_a_transaction_that_was_dropped_leaves_no_gap() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    append(&rig.store, clinic.tenant, 1).await;
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.audit(&record("dropped")).await.unwrap();
    drop(tx);
    append(&rig.store, clinic.tenant, 1).await;
    let report = verify(&rig.store, clinic.tenant, Some(2)).await;
    assert_eq!((report.records, report.faults), (2, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_record_that_cannot_be_read_is_a_fault_of_its_own_and_hides_no_other() {
    for unreadable in ["at = 'infinity'", "detail = '1e400'", "at = '20000-01-01'"] {
        let harm = format!(
            "UPDATE audit_log SET {unreadable} WHERE sequence = 90;
             UPDATE audit_log SET patient = 'x' WHERE sequence IN (80, 100)"
        );
        let at = |sequence| AuditFault::Edited { sequence };
        let faults = vec![at(80), AuditFault::Unreadable { sequence: 90 }, at(100)];
        assert_eq!(after(&harm).await, faults, "{unreadable}");
        assert_eq!(look_after(&harm).await, faults, "{unreadable}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_look_at_a_chain_that_just_begins_finds_nothing_wrong() {
    let rig = Rig::new().await;
    for number in 0..40 {
        let clinic = rig.clinic(&format!("clinic-{number}")).await;
        let store = rig.store.clone();
        let beginning = tokio::spawn(async move { append(&store, clinic.tenant, 1).await });
        loop {
            let is_over = beginning.is_finished();
            let report = look(&rig.store, clinic.tenant).await;
            assert_eq!(report.faults, vec![]);
            if is_over {
                assert_eq!(report.end.sequence, 1);
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_records_are_listed_past_one_that_cannot_be_read() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    append(&rig.store, clinic.tenant, 6).await;
    rig.owner.batch_execute("UPDATE audit_log SET at = 'infinity' WHERE sequence IN (2, 3)").await.unwrap();
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    let mut listed = async |after, most| {
        let records = tx.audit_records(after, most).await.unwrap();
        records.iter().map(|record| record.sequence).collect::<Vec<_>>()
    };
    assert_eq!(listed(0, 2).await, [1, 4]);
    assert_eq!(listed(1, 10).await, [4, 5, 6]);
}
