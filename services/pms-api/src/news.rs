use domain::WritebackId;
use tokio::sync::broadcast;

/// Word of writes that moved, for callers who wait for them. It may be late or lost: whoever waits
/// also looks at the row from time to time.
#[derive(Clone)]
pub(crate) struct News(broadcast::Sender<WritebackId>);

impl News {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(256))
    }

    pub(crate) fn tell(&self, writeback: WritebackId) {
        // Nobody waiting is no error.
        let _ = self.0.send(writeback);
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<WritebackId> {
        self.0.subscribe()
    }
}

/// Returns when there may be news of `writeback`: word of it, or of so many others that it may have
/// been missed.
pub(crate) async fn heard_of(writeback: WritebackId, news: &mut broadcast::Receiver<WritebackId>) {
    loop {
        match news.recv().await {
            Ok(other) if other != writeback => {}
            _ => return,
        }
    }
}
