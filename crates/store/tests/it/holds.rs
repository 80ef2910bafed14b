//! P4: two bookings of ours never have the same chair or clinician at once.

use domain::{Resource, ResourceKind, Window, WritebackId};
use jiff::{SignedDuration, Timestamp};
use store::{NewHold, StoreError};
use tokio::task::JoinSet;

use crate::rig::{Clinic, Rig, booking};

fn window(from: i64, to: i64) -> Window {
    let day = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 60);
    Window::new(day + SignedDuration::from_mins(from), day + SignedDuration::from_mins(to)).unwrap()
}

fn resources(clinician: &str, chair: &str) -> [Resource; 2] {
    [
        Resource { kind: ResourceKind::Clinician, vendor_id: clinician.into() },
        Resource { kind: ResourceKind::Chair, vendor_id: chair.into() },
    ]
}

async fn hold(
    rig: &Rig,
    clinic: Clinic,
    who: [Resource; 2],
    when: Window,
) -> Result<WritebackId, StoreError> {
    let write = WritebackId::new();
    let mut tx = rig.store.tenant(clinic.tenant).await?;
    tx.add_writeback(&booking(clinic, write, write.to_string().as_bytes())).await?;
    let new = NewHold {
        connection: clinic.connection,
        writeback: write,
        booking: write,
        resources: &who,
        window: when,
    };
    tx.place_hold(&new).await?;
    tx.commit().await?;
    Ok(write)
}

async fn wins(rig: &Rig, clinic: Clinic, who: [Resource; 2], when: Window) -> bool {
    match hold(rig, clinic, who, when).await {
        Ok(_) => true,
        Err(error) if error.is_rule("slot_holds_one_wins") => false,
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_of_a_hundred_who_want_one_slot_one_wins() {
    let rig = std::sync::Arc::new(Rig::new().await);
    let clinic = rig.clinic("mine").await;
    let mut tasks = JoinSet::new();
    for number in 0..100 {
        let rig = rig.clone();
        // Half of them list the chair first.
        let mut who = resources("7", "2");
        if number % 2 == 0 {
            who.reverse();
        }
        tasks.spawn(async move { wins(&rig, clinic, who, window(600, 630)).await });
    }
    let winners = tasks.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(winners, 1);
    let left = rig.number("SELECT count(*) FROM slot_holds").await;
    assert_eq!(left, 2, "a loser left half of its hold behind");
    assert_eq!(rig.number("SELECT count(*) FROM pms_writebacks").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_overlapping_times_exclude_each_other_and_touching_ones_do_not() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    assert!(wins(&rig, clinic, resources("7", "2"), window(600, 630)).await);
    for (from, to) in [(600, 630), (590, 601), (629, 700), (610, 620), (500, 700)] {
        assert!(!wins(&rig, clinic, resources("7", "9"), window(from, to)).await, "{from}-{to}: clinician");
        assert!(!wins(&rig, clinic, resources("8", "2"), window(from, to)).await, "{from}-{to}: chair");
    }
    assert!(wins(&rig, clinic, resources("7", "2"), window(570, 600)).await);
    assert!(wins(&rig, clinic, resources("7", "2"), window(630, 660)).await);
    assert!(wins(&rig, clinic, resources("2", "7"), window(600, 630)).await, "a chair is no clinician");
    let other = rig.clinic("other").await;
    assert!(wins(&rig, other, resources("7", "2"), window(600, 630)).await, "another practice");
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_released_hold_frees_its_time_once() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let first = hold(&rig, clinic, resources("7", "2"), window(600, 630)).await.unwrap();
    for _ in 0..2 {
        let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
        tx.release_holds(first).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert!(wins(&rig, clinic, resources("7", "2"), window(600, 630)).await);
    assert!(!wins(&rig, clinic, resources("7", "2"), window(600, 630)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_booking_the_copy_shows_gives_its_time_back_after_a_while_and_not_at_once() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let write = hold(&rig, clinic, resources("7", "2"), window(600, 630)).await.unwrap();
    let see = async || {
        let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
        tx.hold_seen(write, 30.0).await.unwrap();
        let held = tx.holds(clinic.connection, window(0, 1440)).await.unwrap();
        tx.commit().await.unwrap();
        held.len()
    };
    assert_eq!((see().await, see().await), (2, 2), "seen, and held a little longer");
    rig.owner.batch_execute("UPDATE slot_holds SET seen_at = now() - interval '31 s'").await.unwrap();
    assert_eq!(see().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_are_listed_where_they_touch_the_range() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let write = hold(&rig, clinic, resources("7", "2"), window(600, 630)).await.unwrap();
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    for (from, to, seen) in [(0, 600, 0), (0, 601, 2), (629, 700, 2), (630, 700, 0), (610, 611, 2)] {
        let held = tx.holds(clinic.connection, window(from, to)).await.unwrap();
        assert_eq!(held.len(), seen, "{from}-{to}");
        assert!(held.iter().all(|held| held.writeback == write && held.window == window(600, 630)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_clinician_is_one_at_all_locations_of_a_database_and_a_chair_is_its_locations_own() {
    let rig = Rig::new().await;
    let here = rig.clinic("mine").await;
    let there = rig.second_place(here, ("d10001", "7")).await;
    assert!(wins(&rig, here, resources("7", "2"), window(600, 630)).await);
    assert!(
        !wins(&rig, there, resources("7", "9"), window(610, 640)).await,
        "the clinician is at the other one"
    );
    assert!(wins(&rig, there, resources("8", "2"), window(610, 640)).await, "the chair is another");
    let held = async |clinic: Clinic| {
        let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
        let held = tx.holds(clinic.connection, window(0, 1440)).await.unwrap();
        tx.commit().await.unwrap();
        let mut held: Vec<_> =
            held.into_iter().map(|one| (one.resource.kind, one.resource.vendor_id)).collect();
        held.sort_by_key(|(kind, id)| (*kind == ResourceKind::Chair, id.clone()));
        held
    };
    let people = |chair: &str| {
        [(ResourceKind::Clinician, "7"), (ResourceKind::Clinician, "8"), (ResourceKind::Chair, chair)]
            .map(|(kind, id)| (kind, id.to_owned()))
    };
    assert_eq!(held(here).await, people("2"));
    assert_eq!(held(there).await, people("2"));

    for (slug, office, database) in [("second", "D10001", "8"), ("third", "D10002", "7")] {
        let here = rig.clinic(slug).await;
        let elsewhere = rig.second_place(here, (office, database)).await;
        assert!(wins(&rig, here, resources("7", "2"), window(900, 930)).await || slug == "third");
        assert!(
            wins(&rig, elsewhere, resources("7", "2"), window(900, 930)).await,
            "somebody else in {office}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_of_fifty_at_each_of_two_locations_who_want_one_clinician_one_wins() {
    let rig = std::sync::Arc::new(Rig::new().await);
    let here = rig.clinic("mine").await;
    let there = rig.second_place(here, ("D10001", "7")).await;
    let mut tasks = JoinSet::new();
    for number in 0..100 {
        let (rig, clinic) = (rig.clone(), if number % 2 == 0 { here } else { there });
        tasks.spawn(async move { wins(&rig, clinic, resources("7", "2"), window(600, 630)).await });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|won| *won).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_staff_entered_by_hand_is_a_recent_one_for_two_days_and_an_unwanted_one_is_none() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let (by_hand, unwanted) = (rig.writeback(clinic, b"one").await, rig.writeback(clinic, b"two").await);
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.mark_change(by_hand, "900").await.unwrap();
    tx.mark_change(unwanted, "901").await.unwrap();
    tx.add_drop(by_hand, "entered_by_hand", "They came in.", "ann").await.unwrap();
    tx.add_drop(unwanted, "not_wanted", "They called again.", "ann").await.unwrap();
    tx.commit().await.unwrap();
    let recent = async || {
        let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
        let changes = tx.recent_changes(clinic.connection).await.unwrap();
        let by_hand: Vec<_> = tx.entered_by_hand(&changes).await.unwrap().into_keys().collect();
        tx.commit().await.unwrap();
        (changes.iter().map(|one| one.id).collect::<Vec<_>>(), by_hand)
    };
    for state in ["parked", "failed"] {
        let end = format!("UPDATE pms_writebacks SET state = '{state}', finished_at = now()");
        rig.owner.batch_execute(&end).await.unwrap();
        assert_eq!(recent().await, (vec![by_hand], vec![by_hand]), "{state}");
    }
    rig.owner
        .batch_execute("UPDATE pms_writeback_drops SET dropped_at = now() - interval '49 hours'")
        .await
        .unwrap();
    assert_eq!(recent().await, (vec![], vec![]));
}
