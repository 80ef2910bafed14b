use std::collections::BTreeMap;

use serde_json::json;
use testbed::{Plan, Stack};

use crate::desk::{book, ended, free_times};

#[tokio::test(flavor = "multi_thread")]
async fn p3_p9_p11_two_replicas_of_each_keep_the_budget_the_order_and_book_once() {
    let plan = Plan { replicas: 2, clinics: 2, ..Plan::default() }.set("sikka_worker.look_ms", 1_000);
    let stack = Stack::start(plan).await.unwrap();
    let limit = 120;
    stack.sandbox.faults(&json!({ "rate_limit_per_minute": limit })).await.unwrap();
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
        // More questions than the budget has room for.
        let questions = (0..90).map(|number| {
            let stack = &stack;
            async move {
                let search = json!({ "lastName": "Lopez", "dateOfBirth": "1988-03-14" });
                let (call, id) = (format!("flood-{number}-{}", clinic.office), "use");
                stack.tool(clinic, (&call, id), "searchPatients", &search).await.unwrap()
            }
        });
        futures_util::future::join_all(questions).await;
    }
    let states = ended(&stack).await;
    assert_eq!(states, vec!["succeeded"; booked]);
    assert!(booked >= 6, "{booked}");
    let asked = stack.sandbox.call("GET", "/sikka/requests", None).await.unwrap();
    for clinic in &stack.clinics {
        let asked = &asked[&clinic.office];
        assert!(asked["max_per_minute"].as_u64().unwrap() <= limit * 8 / 10, "{asked}");
        assert!(asked["max_per_minute"].as_u64().unwrap() >= 40, "the budget was never tried: {asked}");
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
