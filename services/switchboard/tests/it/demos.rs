//! The demos come out right, and say so to programs.

use std::time::Duration;

use serde_json::Value;
use testbed::{Plan, Stack};

use crate::desk::run_within;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_of_a_whole_clinic_comes_out_right_twice() {
    let stack = Stack::start(Plan { clinics: 2, ..Plan::default() }).await.unwrap();
    let state = std::env::temp_dir().join(format!("switchboard-demo-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("up.json"), stack.place().unwrap().to_string()).unwrap();
    for _ in 0..2 {
        let arguments = ["demo", "sikka", "--state", state.to_str().unwrap()];
        let (well, printed) = run_within(&stack, &arguments, Duration::from_secs(300)).await;
        assert!(well, "{printed}");
        let last: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
        assert_eq!((last["demo"].as_str(), last["replayed"].as_u64()), (Some("ok"), Some(2)), "{last}");
        assert!(printed.contains("They book.") && printed.contains("the chain is whole"), "{printed}");
    }
    std::fs::remove_dir_all(&state).unwrap();
}
