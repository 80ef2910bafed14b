//! P2 and P3 for tool calls: a repeat joins the one in flight or gets the stored answer.

use store::{Store, ToolCallClaim, ToolCallKey, ToolRun};
use tokio::task::JoinSet;

use crate::rig::{Clinic, Rig};

fn key() -> ToolCallKey {
    ToolCallKey { call_id: "call-1".into(), tool_call_id: "tc-1".into() }
}

async fn claim(store: &Store, clinic: Clinic, tool: &str, hash: u8, lease_s: f64) -> ToolCallClaim {
    let mut tx = store.tenant(clinic.tenant).await.unwrap();
    let claim = tx.claim_tool_call(&key(), tool, &[[hash; 32], [hash + 100; 32]], lease_s).await.unwrap();
    tx.commit().await.unwrap();
    claim
}

async fn run(store: &Store, clinic: Clinic, lease_s: f64) -> ToolRun {
    match claim(store, clinic, "t", 1, lease_s).await {
        ToolCallClaim::Run(run) => run,
        other => panic!("{other:?}"),
    }
}

async fn give_back(store: &Store, clinic: Clinic, run: ToolRun) {
    let mut tx = store.tenant(clinic.tenant).await.unwrap();
    tx.give_back_tool_call(&key(), run).await.unwrap();
    tx.commit().await.unwrap();
}

async fn answer(store: &Store, clinic: Clinic, run: ToolRun, answer: &[u8]) {
    let mut tx = store.tenant(clinic.tenant).await.unwrap();
    tx.answer_tool_call(&key(), run, "ok", "", answer, 5).await.unwrap();
    tx.commit().await.unwrap();
}

fn answered(claim: &ToolCallClaim) -> &[u8] {
    match claim {
        ToolCallClaim::Answered(answer) => answer.expose(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_of_five_deliveries_at_once_one_runs_and_all_get_its_answer() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let mut tasks = JoinSet::new();
    for _ in 0..5 {
        let store = rig.store.clone();
        tasks.spawn(async move { claim(&store, clinic, "bookAppointment", 1, 60.0).await });
    }
    let claims = tasks.join_all().await;
    let runs: Vec<ToolRun> = claims
        .iter()
        .filter_map(|claim| match claim {
            ToolCallClaim::Run(run) => Some(*run),
            _ => None,
        })
        .collect();
    assert_eq!(runs.len(), 1);
    assert_eq!(claims.iter().filter(|claim| matches!(claim, ToolCallClaim::Running)).count(), 4);
    answer(&rig.store, clinic, runs[0], b"confirmed").await;
    assert_eq!(answered(&claim(&rig.store, clinic, "bookAppointment", 1, 60.0).await), b"confirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_runner_that_died_loses_the_call_with_its_lease_to_one_other() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    run(&rig.store, clinic, -1.0).await;
    let mut tasks = JoinSet::new();
    for _ in 0..5 {
        let store = rig.store.clone();
        tasks.spawn(async move { claim(&store, clinic, "t", 1, 60.0).await });
    }
    let claims = tasks.join_all().await;
    assert_eq!(claims.iter().filter(|claim| matches!(claim, ToolCallClaim::Run(_))).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_a_runner_that_lost_its_lease_neither_answers_nor_gives_back_what_another_runs() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let late = run(&rig.store, clinic, -1.0).await;
    let second = run(&rig.store, clinic, 60.0).await;
    give_back(&rig.store, clinic, late).await;
    assert!(matches!(claim(&rig.store, clinic, "t", 1, 60.0).await, ToolCallClaim::Running));
    answer(&rig.store, clinic, late, b"late").await;
    assert!(matches!(claim(&rig.store, clinic, "t", 1, 60.0).await, ToolCallClaim::Running));
    answer(&rig.store, clinic, second, b"second").await;
    answer(&rig.store, clinic, late, b"late").await;
    assert_eq!(answered(&claim(&rig.store, clinic, "t", 1, 60.0).await), b"second");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_used_again_for_something_else_is_told_apart() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    let mine_runs = run(&rig.store, mine, -1.0).await;
    assert!(matches!(claim(&rig.store, mine, "t", 2, 60.0).await, ToolCallClaim::Different));
    assert!(matches!(claim(&rig.store, mine, "u", 1, 60.0).await, ToolCallClaim::Different));
    answer(&rig.store, mine, mine_runs, b"x").await;
    assert!(matches!(claim(&rig.store, mine, "t", 2, 60.0).await, ToolCallClaim::Different));
    assert!(
        matches!(claim(&rig.store, theirs, "u", 2, 60.0).await, ToolCallClaim::Run(_)),
        "another tenant's key"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_an_older_version_took_is_the_same_call_to_a_newer_one() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let hash = |hashes: &'static [[u8; 32]]| {
        let store = rig.store.clone();
        async move {
            let mut tx = store.tenant(clinic.tenant).await.unwrap();
            let claim = tx.claim_tool_call(&key(), "t", hashes, -1.0).await.unwrap();
            tx.commit().await.unwrap();
            claim
        }
    };
    let old: &[[u8; 32]] = &[[7; 32]];
    let new: &[[u8; 32]] = &[[8; 32], [7; 32]];
    assert!(matches!(hash(old).await, ToolCallClaim::Run(_)));
    let ToolCallClaim::Run(run) = hash(new).await else { panic!("its runner died") };
    answer(&rig.store, clinic, run, b"done").await;
    assert_eq!(answered(&hash(new).await), b"done");
    let stored = rig.owner.query_one("SELECT arguments_hash FROM tool_calls", &[]).await.unwrap();
    assert_eq!(stored.get::<_, Vec<u8>>(0), [8; 32], "who runs it again keys it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_given_back_may_be_run_again_and_an_answered_one_may_not() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let first = run(&rig.store, clinic, 60.0).await;
    give_back(&rig.store, clinic, first).await;
    let second = run(&rig.store, clinic, 60.0).await;
    answer(&rig.store, clinic, second, b"x").await;
    give_back(&rig.store, clinic, second).await;
    assert_eq!(answered(&claim(&rig.store, clinic, "t", 1, 60.0).await), b"x");
}
