use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::schema::inbox;
use crate::statement::statement;
use crate::{MachineryTx, StoreError, TenantTx};

impl TenantTx {
    /// Notes that `consumer` takes effect of this message now. False: it already did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn first_time(&mut self, consumer: &str, message: Uuid) -> Result<bool, StoreError> {
        let inserted = diesel::insert_into(inbox::table)
            .values((inbox::consumer.eq(consumer), inbox::message_id.eq(message)))
            .on_conflict_do_nothing()
            .execute(&mut self.conn)
            .await?;
        Ok(inserted == 1)
    }
}

impl MachineryTx {
    /// Notes that `consumer` takes effect of this message now. False: it already did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn first_time(&mut self, consumer: &str, message: Uuid) -> Result<bool, StoreError> {
        let inserted = diesel::insert_into(inbox::table)
            .values((inbox::consumer.eq(consumer), inbox::message_id.eq(message)))
            .on_conflict_do_nothing()
            .execute(&mut self.conn)
            .await?;
        Ok(inserted == 1)
    }

    /// Forgets what has had its time: messages taken and tool calls answered more than `days` ago,
    /// and three times as old payments
    /// that were announced, the bodies of events and what tasks that are done were about. Returns how many rows it touched.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&mut self, days: i32) -> Result<usize, StoreError> {
        let mut touched = 0;
        for sweep in [
            "DELETE FROM inbox WHERE taken_at < now() - make_interval(days => $1)",
            "DELETE FROM tool_calls WHERE finished_at < now() - make_interval(days => $1)",
            "DELETE FROM payments_taken WHERE told_at < now() - make_interval(days => 3 * $1)",
            "UPDATE webhook_events SET body = NULL
             WHERE body IS NOT NULL AND received_at < now() - make_interval(days => 3 * $1)",
            "UPDATE staff_tasks SET wanted = NULL
             WHERE wanted IS NOT NULL AND done_at < now() - make_interval(days => 3 * $1)",
        ] {
            touched +=
                statement(sweep).bind::<diesel::sql_types::Integer, _>(days).execute(&mut self.conn).await?;
        }
        Ok(touched)
    }
}
