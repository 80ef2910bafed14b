//! What the voice vendor told, from the bus into the ledger.

use serde_json::json;
use testbed::{Plan, Stack, until};

use crate::rest::SOON;

#[tokio::test(flavor = "multi_thread")]
async fn p2_an_event_that_cannot_have_its_effects_yet_is_not_noted_and_has_them_once_later() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let refuse =
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
         CREATE TRIGGER no BEFORE INSERT ON audit_log FOR EACH ROW
             WHEN (NEW.action = 'call.report.stored') EXECUTE FUNCTION no()";
    stack.sql(refuse).await.unwrap();
    let report = json!({ "type": "end-of-call-report", "endedReason": "customer-ended-call" });
    assert_eq!(stack.webhook(&stack.clinics[0], "call-1", report).await.unwrap().status, 200);
    until(SOON, "a try that fails", || async {
        stack.logs().contains("an event waits for the database").then_some(())
    })
    .await;
    let kept = "SELECT (SELECT count(*) FROM webhook_events), (SELECT count(*) FROM inbox),
                    (SELECT count(*) FROM voice_calls), (SELECT count(*) FROM outbox)";
    assert_eq!(stack.sql(kept).await.unwrap().concat(), ["0", "0", "0", "0"]);
    stack.sql("DROP TRIGGER no ON audit_log").await.unwrap();
    let all = "SELECT e.state, e.deliveries, c.status, count(a.*)
               FROM webhook_events e, voice_calls c, audit_log a
               WHERE a.action = 'call.report.stored' AND a.call_id = c.vendor_call_id GROUP BY 1, 2, 3";
    let all = until(SOON, "the next try", || async {
        let all = stack.sql(all).await.unwrap().concat();
        (!all.is_empty()).then_some(all)
    })
    .await;
    assert_eq!(all, ["handled", "1", "ended", "1"]);
}
