//! Telling the broker what became of a delivery.
//!
//! An acknowledgement that is on its way while its connection breaks is sometimes never answered by the client library. By
//! then the delivery is the broker's again, so nothing is waited for longer than a live broker takes.

use std::time::Duration;

use lapin::Acker;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(5);

/// Says that it is done. False: the channel is gone, and it comes again.
pub(crate) async fn done(acker: &Acker) -> bool {
    matches!(timeout(LIMIT, acker.ack(BasicAckOptions::default())).await, Ok(Ok(true)))
}

/// Gives it back to its queue. False: the channel is gone, and it goes back by itself.
pub(crate) async fn give_back(acker: &Acker) -> bool {
    let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
    matches!(timeout(LIMIT, acker.nack(options)).await, Ok(Ok(true)))
}
