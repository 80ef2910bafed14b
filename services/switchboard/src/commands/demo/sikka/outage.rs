use std::time::Duration;

use anyhow::ensure;
use domain::{WritebackId, WritebackState};
use tokio::time::{Instant, sleep};
use writebacks::start_run;

use super::books::writeback_of;
use super::{Demo, PAID};

const SOON: Duration = Duration::from_secs(150);

/// The practice's server goes off under a booking, comes back with a system that refuses everything, and what failed
/// is replayed when that is over. Returns how many writes were.
pub(super) async fn play(demo: &Demo) -> anyhow::Result<usize> {
    let slots = demo.their_times().await?;
    let slot = slots.get(1).unwrap_or(&slots[0]).clone();
    demo.caller.scene("The practice's server goes off. Somebody books.");
    demo.books.server(false).await?;
    let told = demo.book(&slot).await?;
    ensure!(told["status"] == "needs_staff", "a server that is off was answered with {told}");
    let kept = writeback_of(&told)?;
    let row = demo.books.row(kept).await?;
    ensure!(
        row.state == WritebackState::Queued && row.reason.as_deref() == Some("practice_offline"),
        "{kept} is {} because of {:?}",
        row.state,
        row.reason
    );
    ensure!(demo.books.appointments_of(&row).await?.is_empty(), "the practice has it though it was off");
    ensure!(!demo.is_offered(&slot).await?, "the time is offered to somebody else");
    demo.has_task_about(kept).await?;
    demo.caller
        .held("nothing was promised; the wish is kept, its time is held, and the front desk has a task");

    demo.caller.scene("The server comes back, and the practice's system refuses everything it is given.");
    let before = demo.books.payments(&demo.patient.id, PAID).await?;
    demo.books.refuses(true).await?;
    demo.books.server(true).await?;
    demo.announce("demo-payment-2").await?;
    let told = demo.pay("demo-payment-2").await?;
    let payment = writeback_of(&told)?;
    for id in [payment, kept] {
        let ended = demo.books.ended(id).await?;
        ensure!(ended.state == WritebackState::Failed, "{id} is {} and was refused", ended.state);
    }
    ensure!(demo.books.payments(&demo.patient.id, PAID).await? == before, "a refused payment was posted");
    demo.caller.held(
        "the booking was tried again by itself; both are failed, and neither is in the practice's records",
    );

    demo.caller.scene("The system is well again; what failed is replayed.");
    demo.books.refuses(false).await?;
    replay(demo, &[kept, payment]).await?;
    let (row, paid) = (demo.latest(kept).await?, demo.latest(payment).await?);
    for write in [&row, &paid] {
        ensure!(write.state == WritebackState::Succeeded, "{} is {}", write.id, write.state);
    }
    let appointment = demo.books.appointment_of(&row).await?;
    demo.books.stands_at(&appointment, &slot).await?;
    let after = demo.books.payments(&demo.patient.id, PAID).await?;
    ensure!(after == before + 1, "the payment is on the account {} times", after - before);
    for id in [kept, payment] {
        let first = demo.books.row(id).await?;
        ensure!(first.state == WritebackState::Failed, "a replay changed what it replays");
    }
    demo.caller.held(format!(
        "appointment {appointment} and the payment are there, once each; the first tries are kept"
    ));
    Ok(2)
}

/// Replays them as an operator does, and waits until each has come to its end.
async fn replay(demo: &Demo, ids: &[WritebackId]) -> anyhow::Result<()> {
    let tenant = demo.tenant;
    let run = start_run(&demo.store, tenant, ids, 600, Some(1), "switchboard demo").await?;
    let until = Instant::now() + SOON;
    loop {
        let mut tx = demo.store.tenant(tenant).await?;
        let stands = tx.replay_run(run).await?;
        tx.commit().await?;
        if stands.state != "running" {
            break;
        }
        ensure!(Instant::now() < until, "the run of replays is not worked off");
        sleep(Duration::from_millis(300)).await;
    }
    for id in ids {
        let latest = demo.latest(*id).await?;
        demo.books.ended(latest.id).await?;
    }
    Ok(())
}
