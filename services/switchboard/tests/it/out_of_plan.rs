//! An application whose plan has no way to ask how a write stands (401 API2004).

use serde_json::json;
use testbed::{Plan, Stack, until};

use crate::desk::{MARIA, SOON, book, ended, free_times, writebacks};

#[tokio::test(flavor = "multi_thread")]
async fn p5_with_no_way_to_ask_a_booking_is_done_once_the_practices_records_show_it() {
    let stack = Stack::start(Plan::default().set("pms_api.write_wait_seconds", 1)).await.unwrap();
    let clinic = &stack.clinics[0];
    let closed = json!({ "scopes_removed": ["writeback_status", "writebacks"], "data_insert_seconds": 0 });
    stack.sandbox.faults(&closed).await.unwrap();
    let slot = &free_times(&stack, clinic, "call-1").await[0];
    let told = book(&stack, clinic, ("call-1", "book-1"), MARIA, slot).await;
    assert_eq!(told["status"], "accepted", "{told}");
    until(SOON, "the practice to do it, and a look that shows nothing", || async {
        let done = stack.sandbox.booked(&clinic.office).await.unwrap().len() == 1;
        let looked = "SELECT count(*) FROM pms_writebacks WHERE state = 'submitted' AND check_count > 0";
        (done && stack.sql(looked).await.unwrap().concat() == ["1"]).then_some(())
    })
    .await;
    assert_eq!(writebacks(&stack).await[0][1], "submitted", "the copy is older than the booking");
    // The copy is refreshed; the minutes until the next look are not what this is about.
    stack.sandbox.office("POST", &clinic.office, "/refresh", None).await.unwrap();
    stack.sql("UPDATE pms_writebacks SET next_check_at = now()").await.unwrap();
    assert_eq!(ended(&stack).await, ["succeeded"]);
    let made = stack.sql("SELECT created_vendor_id FROM pms_writebacks").await.unwrap().concat();
    assert!(!made[0].is_empty(), "{made:?}");
    assert_eq!(stack.sandbox.writes(&clinic.office).await.unwrap().len(), 1);
}
