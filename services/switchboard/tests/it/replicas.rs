use std::collections::BTreeMap;

use serde_json::json;
use testbed::{Clinic, Plan, Stack, until};

use crate::desk::{SOON, book, ended, free_times, let_anybody_book};

/// What the vendor allows in a minute.
const LIMIT: u64 = 120;

/// One read of the vendor, or of none where the budget does not allow it.
async fn question(stack: &Stack, clinic: &Clinic) {
    let id = uuid::Uuid::new_v4().to_string();
    let search = json!({ "lastName": "Lopez", "dateOfBirth": "1988-03-14" });
    stack.tool(clinic, (&id, "use"), "searchPatients", &search).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_p9_p11_two_replicas_of_each_keep_the_budget_the_order_and_book_once() {
    let plan = Plan { replicas: 2, clinics: 2, ..Plan::default() }.set("sikka_worker.look_ms", 1_000);
    let stack = Stack::start(plan).await.unwrap();
    let_anybody_book(&stack).await;
    stack.sandbox.faults(&json!({ "rate_limit_per_minute": LIMIT })).await.unwrap();
    // What was asked for before the limit was known to the workers is not what this counts.
    for clinic in &stack.clinics {
        free_times(&stack, clinic, &format!("first-{}", clinic.office)).await;
    }
    stack.sandbox.call("DELETE", "/sikka/requests", None).await.unwrap();
    let mut booked = 0;
    for clinic in &stack.clinics {
        let slots = free_times(&stack, clinic, &format!("second-{}", clinic.office)).await;
        for number in 0..4 {
            let (call, patient) = (format!("call-{number}-{}", clinic.office), format!("{}", 101 + number));
            let told = book(&stack, clinic, (&call, "book"), &patient, &slots[number * 2]).await;
            booked += usize::from(["confirmed", "accepted"].contains(&told["status"].as_str().unwrap()));
        }
        // More questions than the budget has room for at once.
        let asked = || stack.sandbox.call("GET", "/sikka/requests", None);
        until(SOON, "a budget that is used up", || async {
            futures_util::future::join_all((0..24).map(|_| question(&stack, clinic))).await;
            let asked = asked().await.unwrap();
            (asked[&clinic.office]["max_per_minute"].as_u64() > Some(LIMIT * 8 / 20)).then_some(())
        })
        .await;
    }
    let states = ended(&stack).await;
    assert_eq!(states, vec!["succeeded"; booked]);
    assert!(booked >= 6, "{booked}");
    let asked = stack.sandbox.call("GET", "/sikka/requests", None).await.unwrap();
    for clinic in &stack.clinics {
        let asked = &asked[&clinic.office];
        assert!(asked["max_per_minute"].as_u64().unwrap() <= LIMIT * 8 / 10, "{asked}");
        assert_eq!(asked["refused"], 0, "{asked}");
        let wished = format!(
            "SELECT reference FROM pms_writebacks WHERE tenant_id = '{}' ORDER BY id",
            clinic.tenant.uuid()
        );
        let wished = stack.sql(&wished).await.unwrap().concat();
        let written: Vec<String> = stack
            .sandbox
            .writes(&clinic.office)
            .await
            .unwrap()
            .iter()
            .map(|one| one["body"].to_string())
            .collect();
        assert_eq!(written.len(), wished.len());
        for (reference, body) in wished.iter().zip(&written) {
            assert!(body.contains(reference.as_str()), "{reference} was written out of its order");
        }
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for one in stack.sandbox.booked(&clinic.office).await.unwrap() {
            *times.entry(one["description"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        assert!(times.values().all(|&count| count == 1) && times.len() == wished.len(), "{times:?}");
    }
}
