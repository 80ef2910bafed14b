//! The demos come out right, and say so to programs.

use std::time::Duration;

use serde_json::Value;
use testbed::{Plan, Stack};

use crate::desk::{run, run_within};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_of_a_whole_clinic_comes_out_right_twice() {
    let stack = Stack::start(Plan { spare_offices: 1, ..Plan::default() }).await.unwrap();
    let state = std::env::temp_dir().join(format!("switchboard-demo-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("up.json"), stack.place().unwrap().to_string()).unwrap();
    stack.tell_by_webhook(None).await.unwrap();
    let webhooks = || async {
        let all = stack.sandbox.call("GET", "/sikka/webhooks", None).await.unwrap();
        [all["install_url"].clone(), all["change_url"].clone(), all["callback_key"].clone()]
    };
    let before = webhooks().await;
    for _ in 0..2 {
        let arguments = ["demo", "sikka", "--state", state.to_str().unwrap()];
        let (well, printed) = run_within(&stack, &arguments, Duration::from_secs(300)).await;
        assert!(well, "{printed}");
        let last: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
        assert_eq!((last["demo"].as_str(), last["replayed"].as_u64()), (Some("ok"), Some(2)), "{last}");
        let places: Vec<usize> = ["confirming: ", "onboarding: ", "done: ", "They book."]
            .iter()
            .map(|word| printed.find(word).unwrap_or_else(|| panic!("no {word} in {printed}")))
            .collect();
        assert!(places.is_sorted(), "the install comes first, step by step: {printed}");
        assert!(last["features"].to_string().contains("book_appointment"), "{last}");
        assert_eq!(webhooks().await, before, "the vendor tells whom it told before");
        assert!(printed.contains("They book.") && printed.contains("the chain is whole"), "{printed}");
    }
    // An office is one tenant's: the second demo took it from the first. Nobody was given a ready connection.
    let of_office = "FROM pms_connections WHERE config->>'office_id' = 'D10002'";
    let connections = stack.sql(&format!("SELECT status {of_office} ORDER BY id")).await.unwrap().concat();
    assert_eq!(connections, ["disabled", "active"]);
    let setups = stack.sql("SELECT state FROM pms_setups").await.unwrap().concat();
    assert_eq!(setups, ["done", "done"]);
    std::fs::remove_dir_all(&state).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_gives_back_the_time_that_the_one_before_it_held() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let book = "WITH w AS (
            INSERT INTO pms_writebacks (id, tenant_id, connection_id, operation, payload, fingerprint, reference,
                deadline_at)
            SELECT gen_random_uuid(), c.tenant_id, c.id, 'book_appointment', '', uuid_send(gen_random_uuid()), 'r', now()
            FROM pms_connections c JOIN tenants t ON t.id = c.tenant_id
            WHERE t.slug LIKE 'demo-%' AND c.status = 'active'
            RETURNING id, tenant_id, connection_id)
        INSERT INTO slot_holds (id, tenant_id, connection_id, writeback_id, kind, vendor_id, starts_at, ends_at, calendar,
            booking)
        SELECT gen_random_uuid(), tenant_id, connection_id, id, 'clinician', 'HYG1', date_trunc('day', now()) + interval '2 days',
            date_trunc('day', now()) + interval '3 days', pms_calendar(connection_id, 'clinician'), id
        FROM w";
    for _ in 0..2 {
        let (well, printed) = run(&stack, &["seed"]).await;
        assert!(well, "{printed}");
        // Whoever is held keeps others from the time: two demos have the same people.
        stack.sql(book).await.unwrap();
    }
    let held = "SELECT count(*), count(*) FILTER (WHERE released_at IS NULL) FROM slot_holds";
    assert_eq!(stack.sql(held).await.unwrap(), [["2", "1"]]);
}
