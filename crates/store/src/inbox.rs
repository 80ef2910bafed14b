use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::schema::inbox;
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

    /// Forgets messages taken more than `days` ago: nothing is delivered again that late.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep_inbox(&mut self, days: i32) -> Result<usize, StoreError> {
        Ok(diesel::sql_query("DELETE FROM inbox WHERE taken_at < now() - make_interval(days => $1)")
            .bind::<diesel::sql_types::Integer, _>(days)
            .execute(&mut self.conn)
            .await?)
    }
}
