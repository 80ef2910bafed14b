use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{ConnectionId, WritebackId};
use uuid::Uuid;

use crate::replays::OPEN;
use crate::schema::pms_writebacks as w;
use crate::{StoreError, TenantTx, Writeback};

impl TenantTx {
    /// The write of ours that made the patient with this vendor's id. The practice's copy may not show them yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn made_patient(
        &mut self,
        connection: ConnectionId,
        vendor_id: &str,
    ) -> Result<Option<Writeback>, StoreError> {
        let made: Option<Uuid> = w::table
            .select(w::id)
            .filter(w::connection_id.eq(connection.uuid()))
            .filter(w::operation.eq("create_patient"))
            .filter(w::state.eq("succeeded"))
            .filter(w::created_vendor_id.eq(vendor_id))
            .order(w::id.desc())
            .first(&mut self.conn)
            .await
            .optional()?;
        match made {
            Some(id) => self.writeback(WritebackId::from_uuid(id)).await.map(Some),
            None => Ok(None),
        }
    }

    /// How many writes of the connection are set aside and neither replayed nor given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn parked_left(&mut self, connection: ConnectionId) -> Result<i64, StoreError> {
        Ok(w::table
            .filter(w::connection_id.eq(connection.uuid()))
            .filter(w::state.eq("parked"))
            .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(&OPEN.replace("q.", "pms_writebacks.")))
            .count()
            .get_result(&mut self.conn)
            .await?)
    }
}
