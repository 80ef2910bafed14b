use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::ConnectionId;
use uuid::Uuid;

use crate::schema::alerts as al;
use crate::{MachineryTx, StoreError, TenantTx};

/// Something somebody should look at.
#[derive(Debug)]
pub struct NewAlert<'a> {
    /// About which connection.
    pub connection: Option<ConnectionId>,
    /// What: `reauthorise`, `writeback_parked`.
    pub code: &'a str,
    /// The next action, in plain words.
    pub what_to_do: &'a str,
}

/// An alert that is open.
#[derive(Debug, Clone)]
pub struct Alert {
    /// What.
    pub code: String,
    /// The next action.
    pub what_to_do: String,
}

impl TenantTx {
    /// Raises an alert unless the same one is open. True: it is new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn raise(&mut self, new: &NewAlert<'_>) -> Result<bool, StoreError> {
        let raised = diesel::insert_into(al::table)
            .values((
                al::id.eq(Uuid::now_v7()),
                al::tenant_id.eq(self.tenant.uuid()),
                al::connection_id.eq(new.connection.map(ConnectionId::uuid)),
                al::code.eq(new.code),
                al::what_to_do.eq(new.what_to_do),
            ))
            .on_conflict_do_nothing()
            .execute(&mut self.conn)
            .await?;
        Ok(raised == 1)
    }

    /// Closes an alert.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&mut self, connection: Option<ConnectionId>, code: &str) -> Result<(), StoreError> {
        let open = al::table.filter(al::code.eq(code)).filter(al::cleared_at.is_null());
        let cleared_at = al::cleared_at.eq(diesel::dsl::now);
        match connection {
            Some(id) => {
                diesel::update(open.filter(al::connection_id.eq(id.uuid())))
                    .set(cleared_at)
                    .execute(&mut self.conn)
                    .await?
            }
            None => {
                diesel::update(open.filter(al::connection_id.is_null()))
                    .set(cleared_at)
                    .execute(&mut self.conn)
                    .await?
            }
        };
        Ok(())
    }
}

impl MachineryTx {
    /// Every open alert.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_alerts(&mut self) -> Result<Vec<Alert>, StoreError> {
        let rows: Vec<(String, String)> = al::table
            .select((al::code, al::what_to_do))
            .filter(al::cleared_at.is_null())
            .order(al::raised_at)
            .load(&mut self.conn)
            .await?;
        Ok(rows.into_iter().map(|(code, what_to_do)| Alert { code, what_to_do }).collect())
    }
}
