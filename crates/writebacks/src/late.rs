use domain::WritebackState as S;
use store::NewTask;

use crate::reasons::reason;
use crate::{Carrier, CarryError};

/// Of what was not sent yet.
const NOT_SENT: &str = "See that your server is on: then it is entered by itself. If it cannot wait: enter it by hand and drop the request as entered by hand.";

impl Carrier {
    /// Gives staff a task about every write that comes close to its deadline and is not done; returns how many.
    ///
    /// # Errors
    /// [`CarryError`].
    pub async fn warn_staff(&self) -> Result<usize, CarryError> {
        let mut tx = self.store().machinery().await?;
        let late = tx.writes_running_late(self.pace().task_margin.as_secs_f64()).await?;
        tx.commit().await?;
        let why = reason("running_late");
        let mut told = 0;
        for (tenant, id) in late {
            let mut tx = self.store().tenant(tenant).await?;
            let write = tx.writeback(id).await?;
            if matches!(write.state, S::Queued | S::Sending | S::Unknown | S::Submitted) {
                let task = NewTask {
                    connection: Some(write.connection),
                    writeback: Some(id),
                    code: why.code,
                    sentence: why.sentence,
                    // What is at the vendor, or may be, nobody should enter a second time.
                    next_action: if write.state == S::Queued { NOT_SENT } else { why.next_action },
                    due_at: Some(write.deadline_at),
                    tool_call: None,
                };
                told += usize::from(tx.add_task(&task).await?);
            }
            tx.commit().await?;
        }
        Ok(told)
    }
}
