use domain::{TenantId, WritebackId, WritebackState as S};
use store::{NewTask, StoreError};

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
        let margin = self.pace().task_margin.as_secs_f64();
        let (mut told, mut after) = (0, None);
        loop {
            let mut tx = self.store().machinery().await?;
            let late = tx.writes_running_late(margin, after).await?;
            tx.commit().await?;
            let Some((_, last)) = late.last() else { return Ok(told) };
            after = Some(*last);
            for (tenant, id) in late {
                // One that cannot be told of must not keep staff from hearing of the others.
                match self.warn_of(tenant, id).await {
                    Ok(one) => told += usize::from(one),
                    Err(error) => {
                        tracing::warn!(writeback.id = %id, error = %error, "staff could not be told of a late write");
                    }
                }
            }
        }
    }

    async fn warn_of(&self, tenant: TenantId, id: WritebackId) -> Result<bool, StoreError> {
        let why = reason("running_late");
        let mut tx = self.store().tenant(tenant).await?;
        let write = tx.writeback(id).await?;
        let mut told = false;
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
            told = tx.add_task(&task).await?;
        }
        tx.commit().await?;
        Ok(told)
    }
}
