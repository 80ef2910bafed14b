//! `sikka-worker` is killed at each step of a booking, and the practice's records hold it once in the end.

use serde_json::Value;
use testbed::{Clinic, Plan, Stack, until};

use crate::desk::{MARIA, SOON, book, ended, free_times, wish, writebacks};

/// Where a booking is when its worker dies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Claim,
    Send,
    Sent,
    Receipt,
    Look,
}

impl Step {
    const fn failpoints(self) -> &'static str {
        match self {
            Self::Claim => "before_claim=pause",
            Self::Send => "before_send=pause",
            Self::Sent => "after_send=pause",
            Self::Receipt => "after_receipt=pause",
            Self::Look => "while_polling=pause",
        }
    }

    /// Whether the row and the vendor look as they do once the worker has come so far.
    async fn is_reached(self, stack: &Stack, clinic: &Clinic) -> bool {
        let rows = writebacks(stack).await;
        let Some([_, state, _, leased]) = rows.first().map(Vec::as_slice) else { return false };
        let taken = stack.sandbox.writes(&clinic.office).await.unwrap().len();
        match self {
            Self::Claim => state == "queued",
            Self::Send => state == "sending" && taken == 0,
            Self::Sent => state == "sending" && taken == 1,
            Self::Receipt => state == "submitted",
            Self::Look => state == "submitted" && leased == "t",
        }
    }
}

async fn a_crash_books_exactly_once(step: Step) {
    let plan = Plan { failpoints: Some(step.failpoints().to_owned()), ..Plan::default() };
    let plan = plan.set("pms_api.write_wait_seconds", 1);
    let mut stack = Stack::start(plan).await.unwrap();
    let clinic = stack.clinics[0].clone();
    let slot = free_times(&stack, &clinic, "call-1").await.remove(0);
    let told = book(&stack, &clinic, ("call-1", "book-1"), MARIA, &slot).await;
    assert_nobody_said_booked(&told);
    until(SOON, "the worker's last step", || async { step.is_reached(&stack, &clinic).await.then_some(()) })
        .await;
    stack.workers[0].process.kill9();
    stack.workers[0] = stack.member("sikka-worker", None).unwrap();
    time_passes(&stack).await;
    assert_eq!(ended(&stack).await, ["succeeded"]);
    holds_one_appointment(&stack, &clinic, &slot).await;
}

/// A dead worker's lease ends, and so does every pause until the next look: the minutes that takes are not waited for.
async fn time_passes(stack: &Stack) {
    stack.sql("UPDATE pms_writebacks SET lease_until = now() WHERE lease_until IS NOT NULL").await.unwrap();
    until(SOON * 2, "a worker that is certain", || async {
        let next = "UPDATE pms_writebacks SET next_check_at = now() WHERE state IN ('unknown', 'queued')";
        stack.sql(next).await.unwrap();
        let uncertain = "SELECT 1 FROM pms_writebacks WHERE state IN ('sending', 'unknown', 'queued')";
        stack.sql(uncertain).await.unwrap().is_empty().then_some(())
    })
    .await;
}

/// The practice's own records, ours, and what a caller is told from then on.
async fn holds_one_appointment(stack: &Stack, clinic: &Clinic, slot: &Value) {
    let booked = stack.sandbox.booked(&clinic.office).await.unwrap();
    let reference = &writebacks(stack).await[0][2];
    assert_eq!(booked.len(), 1, "{booked:?}");
    assert!(booked[0]["description"].as_str().unwrap().contains(reference.as_str()));
    assert_eq!(booked[0]["patient_id"].to_string(), MARIA);
    assert_eq!(stack.sandbox.writes(&clinic.office).await.unwrap().len(), 1);
    let holds = "SELECT kind FROM slot_holds WHERE released_at IS NULL ORDER BY kind";
    assert_eq!(stack.sql(holds).await.unwrap().concat(), ["chair", "clinician"]);
    let told = book(stack, clinic, ("call-2", "book-3"), MARIA, slot).await;
    assert_eq!(told["status"], "confirmed", "{told}");
    let others = free_times(stack, clinic, "call-3").await;
    let same = |one: &&Value| one["start"] == slot["start"] && one["provider"] == slot["provider"];
    assert!(!others.iter().any(|one| same(&one)), "a booked time is offered again");
    assert_eq!(writebacks(stack).await.len(), 1);
}

fn assert_nobody_said_booked(told: &Value) {
    assert_ne!(told["status"], "confirmed", "{told}");
    let say = told["say"].as_str().unwrap();
    assert!(!say.is_empty() && !say.contains("booked"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_crash_before_the_row_books_exactly_once() {
    let mut stack = Stack::start(Plan::default().set("pms_api.question_seconds", 2)).await.unwrap();
    let clinic = stack.clinics[0].clone();
    let slot = free_times(&stack, &clinic, "call-1").await.remove(0);
    stack.workers[0].process.kill9();
    let wish = wish(MARIA, &slot);
    let told = stack.tool(&clinic, ("call-1", "book-1"), "bookAppointment", &wish).await.unwrap();
    assert_nobody_said_booked(&told);
    assert!(writebacks(&stack).await.is_empty(), "nothing was promised, so nothing may be under way");
    stack.workers[0] = stack.member("sikka-worker", None).unwrap();
    stack.ready().await.unwrap();
    // The same tool call again: what was answered "not now" is not kept as its answer.
    let told = book(&stack, &clinic, ("call-1", "book-1"), MARIA, &slot).await;
    assert!(told["writebackId"].is_string(), "{told}");
    assert_eq!(ended(&stack).await, ["succeeded"]);
    holds_one_appointment(&stack, &clinic, &slot).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_crash_after_the_row_books_exactly_once() {
    a_crash_books_exactly_once(Step::Claim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_crash_before_the_send_books_exactly_once() {
    a_crash_books_exactly_once(Step::Send).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_crash_after_the_send_and_before_the_receipt_books_exactly_once() {
    a_crash_books_exactly_once(Step::Sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_crash_after_the_receipt_books_exactly_once() {
    a_crash_books_exactly_once(Step::Receipt).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_crash_during_polling_books_exactly_once() {
    a_crash_books_exactly_once(Step::Look).await;
}
