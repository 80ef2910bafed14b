//! Which writes a list shows, and a plan of replays is made for.

use domain::{WritebackId, WritebackState};
use jiff::{SignedDuration, Timestamp};
use store::WritebackFilter;

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn writes_are_listed_by_practice_state_reason_and_time() {
    let rig = Rig::new().await;
    let here = rig.clinic("mine").await;
    let there = rig.second_place(here, ("D20002", "9")).await;
    let other = rig.clinic("other").await;
    let (old, failed, queued) = (
        rig.writeback(here, b"old").await,
        rig.writeback(here, b"failed").await,
        rig.writeback(here, b"queued").await,
    );
    let elsewhere = rig.writeback(there, b"elsewhere").await;
    let theirs = rig.writeback(other, b"theirs").await;
    let change =
        |id: WritebackId, set: &str| format!("UPDATE pms_writebacks SET {set} WHERE id = '{}'", id.uuid());
    let sql = [
        change(
            old,
            "created_at = now() - interval '2 hours', state = 'failed', reason = 'slot_taken', finished_at = now()",
        ),
        change(failed, "state = 'failed', reason = 'rejected', finished_at = now()"),
    ];
    rig.owner.batch_execute(&sql.join(";")).await.unwrap();
    let listed = async |filter: WritebackFilter| -> Vec<WritebackId> {
        let mut tx = rig.store.tenant(here.tenant).await.unwrap();
        let rows = tx.list_writebacks(&WritebackFilter { most: 10, ..filter }).await.unwrap();
        rows.into_iter().map(|row| row.id).collect()
    };
    let all = WritebackFilter::default;
    assert_eq!(listed(all()).await, [old, failed, queued, elsewhere], "and not {theirs}");
    assert_eq!(listed(WritebackFilter { practice: Some(there.practice), ..all() }).await, [elsewhere]);
    assert_eq!(listed(WritebackFilter { practice: Some(other.practice), ..all() }).await, []);
    let states = vec![WritebackState::Failed];
    assert_eq!(listed(WritebackFilter { states, ..all() }).await, [old, failed]);
    let reason = Some("slot_taken".to_owned());
    assert_eq!(listed(WritebackFilter { reason, ..all() }).await, [old]);
    let hour_ago = Some(Timestamp::now() - SignedDuration::from_hours(1));
    assert_eq!(listed(WritebackFilter { since: hour_ago, ..all() }).await, [failed, queued, elsewhere]);
    assert_eq!(listed(WritebackFilter { until: hour_ago, ..all() }).await, [old]);
    assert_eq!(listed(WritebackFilter { after: Some(failed), ..all() }).await, [queued, elsewhere]);
}
