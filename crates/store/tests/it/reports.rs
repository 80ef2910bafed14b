//! What the reports count, and what they do not.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::{NewAudit, Report};

use crate::rig::{Clinic, Rig};

fn since() -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(1)
}

async fn record(rig: &Rig, clinic: Clinic, what: (&str, Option<&str>, &str), patient: Option<&str>) {
    let (action, tool, outcome) = what;
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    let new =
        NewAudit { actor: "ann", action, patient, call_id: None, tool, outcome, ms: 1, detail: json!({}) };
    tx.audit(&new).await.unwrap();
    tx.commit().await.unwrap();
}

async fn report(rig: &Rig, report: Report) -> Vec<Value> {
    let mut tx = rig.store.machinery().await.unwrap();
    let lines = tx.report(report, since()).await.unwrap();
    tx.commit().await.unwrap();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rates_are_of_answers_and_writes_whatever_else_is_on_record() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let book = Some("bookAppointment");
    record(&rig, clinic, ("appointment.book", book, "accepted"), Some("101")).await;
    record(&rig, clinic, ("appointment.book", book, "unknown"), Some("101")).await;
    record(&rig, clinic, ("appointment.book.landed", None, "succeeded"), Some("101")).await;
    record(&rig, clinic, ("appointment.book.landed", None, "failed"), Some("101")).await;
    record(&rig, clinic, ("appointment.book.landed", None, "parked"), Some("101")).await;
    // The same answer again, tidying up, and knocking.
    let again = "INSERT INTO audit_log SELECT tenant_id, sequence + 100, at, actor, action, patient, call_id, tool, outcome,
                     ms, '{\"repeat\": true}', hash FROM audit_log WHERE sequence = 2";
    rig.owner.batch_execute(again).await.unwrap();
    for _ in 0..10 {
        record(&rig, clinic, ("writeback.drop", None, "failed"), Some("101")).await;
        record(&rig, clinic, ("writeback.replay", None, "unknown"), Some("101")).await;
        record(&rig, clinic, ("access.refused", None, "refused"), None).await;
    }
    let hours = report(&rig, Report::ErrorRate).await;
    let sum = |name: &str| hours.iter().map(|line| line[name].as_i64().unwrap()).sum::<i64>();
    assert_eq!((sum("total"), sum("failed")), (5, 3), "{hours:?}");
    let rates = report(&rig, Report::SuccessRate).await;
    let of = |line: &Value| {
        let count = |name: &str| line[name].as_i64().unwrap();
        (line["side"].as_str().unwrap().to_owned(), count("total"), count("succeeded"), count("failed"))
    };
    let told: Vec<_> = rates.iter().map(of).collect();
    assert_eq!(told, [("answer".to_owned(), 2, 1, 1), ("write".to_owned(), 3, 1, 2)], "{rates:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_patients_that_were_seen_together_each_is_counted_once_and_by_their_own_tenant() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    let search = ("patient.search", Some("searchPatients"), "several");
    record(&rig, mine, search, Some("101 102")).await;
    record(&rig, mine, search, Some("101")).await;
    record(&rig, theirs, search, Some("101")).await;
    let all = report(&rig, Report::PatientAccess).await;
    let one = (all[0]["times"].as_i64(), all[0]["patients"].as_i64());
    assert_eq!((all.len(), one), (1, (Some(3), Some(3))), "{all:?}");
    let mut tx = rig.store.tenant(mine.tenant).await.unwrap();
    let mine = tx.report(Report::PatientAccess, since()).await.unwrap();
    assert_eq!((mine[0]["times"].as_i64(), mine[0]["patients"].as_i64()), (Some(2), Some(2)), "{mine:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_counted_beyond_the_lines_that_a_report_gives() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    rig.writeback(clinic, b"one").await;
    let many = "INSERT INTO pms_writebacks (id, tenant_id, connection_id, operation, payload, fingerprint, reference, deadline_at,
                    created_at)
                SELECT gen_random_uuid(), tenant_id, connection_id, operation, payload, number::text::bytea, reference, deadline_at,
                    now() - interval '1 h' FROM pms_writebacks, generate_series(1, 1200) number";
    rig.owner.batch_execute(many).await.unwrap();
    let all = "UPDATE pms_writebacks SET created_at = now() - interval '1 h'";
    rig.owner.batch_execute(all).await.unwrap();
    assert_eq!(report(&rig, Report::StuckWritebacks).await.len(), 1_000);
    let mut tx = rig.store.machinery().await.unwrap();
    assert_eq!(tx.report_size(Report::StuckWritebacks, since()).await.unwrap(), 1_201);
    // One that waits on purpose is no more stuck here than for an alert.
    let planned = "UPDATE pms_writebacks SET next_check_at = now() + interval '1 h'";
    rig.owner.batch_execute(planned).await.unwrap();
    assert!(report(&rig, Report::StuckWritebacks).await.is_empty());
    assert!(tx.stuck_writebacks(&store::AlertRules::default()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_or_left_to_staff_is_neither_a_success_nor_an_error() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let percent = async || {
        let line = report(&rig, Report::SuccessRate).await.remove(0);
        (line["total"].as_i64().unwrap(), line["success_percent"].as_f64())
    };
    for outcome in ["refused", "needs_staff"] {
        record(&rig, clinic, ("appointment.book", Some("bookAppointment"), outcome), Some("101")).await;
    }
    assert_eq!(percent().await, (2, None));
    record(&rig, clinic, ("appointment.book", Some("bookAppointment"), "confirmed"), Some("101")).await;
    assert_eq!(percent().await, (3, Some(100.0)));
    record(&rig, clinic, ("appointment.book", Some("bookAppointment"), "unknown"), Some("101")).await;
    assert_eq!(percent().await, (4, Some(50.0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_tells_of_what_is_in_use_and_of_the_time_it_was_asked_about() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let lines = async |what: Report, sql: &str| {
        rig.owner.batch_execute(sql).await.unwrap();
        report(&rig, what).await.len()
    };
    let soon = "UPDATE pms_connections SET token_expires_at = now() + interval '1 h'";
    assert_eq!(lines(Report::TokensExpiring, soon).await, 1);
    assert_eq!(lines(Report::TokensExpiring, "UPDATE pms_connections SET status = 'disabled'").await, 0);
    rig.writeback(clinic, b"one").await;
    let failed = "UPDATE pms_writebacks SET state = 'failed', finished_at = now() - interval '59 min'";
    assert_eq!(lines(Report::FailedWritebacks, failed).await, 1);
    let before = "UPDATE pms_writebacks SET finished_at = now() - interval '61 min'";
    assert_eq!(lines(Report::FailedWritebacks, before).await, 0);
}
