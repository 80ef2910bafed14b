//! Alerts that are opened and closed with their causes, by whoever handles them.

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{AlertId, AlertKind, ConnectionId, TenantId};

use crate::alerts::{Closed, letter_raised, letter_resolved, raised, resolved};
use crate::schema::alerts as al;
use crate::statement::statement;
use crate::{MachineryTx, NewAlert, Setup, StoreError, TenantTx};

/// Who closes them.
const BY: &str = "switchboard";

/// Closes what was told of setups that are on their way again, done or called off.
async fn close_failed_setups(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
) -> Result<Vec<Closed>, StoreError> {
    Ok(statement(
        "UPDATE alerts SET cleared_at = now(), cleared_by = $2
         WHERE tenant_id = $1 AND code = $3 AND cleared_at IS NULL AND setup_id IN (
             SELECT id FROM pms_setups WHERE tenant_id = $1 AND state NOT IN ('gave_up', 'refused'))
         RETURNING id, tenant_id, connection_id, code",
    )
    .bind::<SqlUuid, _>(tenant.uuid())
    .bind::<Text, _>(BY)
    .bind::<Text, _>(AlertKind::SetupFailed.code())
    .load(conn)
    .await?)
}

impl TenantTx {
    pub(crate) async fn clear_failed_setups(&mut self) -> Result<(), StoreError> {
        for one in close_failed_setups(&mut self.conn, self.tenant).await? {
            self.send(&letter_resolved(&resolved(&one, BY))).await?;
        }
        Ok(())
    }
}

impl MachineryTx {
    pub(crate) async fn clear_failed_setups(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        for one in close_failed_setups(&mut self.conn, tenant).await? {
            self.send_of(Some(tenant), &letter_resolved(&resolved(&one, BY))).await?;
        }
        Ok(())
    }

    /// Raises an alert about a setup, unless one about the same setup is open; it is closed when the setup is tried
    /// again, done or cancelled. True: it is new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn raise_about_setup(&mut self, setup: &Setup, happened: &str) -> Result<bool, StoreError> {
        let (id, kind) = (AlertId::new(), AlertKind::SetupFailed);
        let new = NewAlert { connection: setup.connection, kind, happened };
        let inserted = diesel::insert_into(al::table)
            .values((
                al::id.eq(id.uuid()),
                al::tenant_id.eq(Some(setup.tenant.uuid())),
                al::connection_id.eq(setup.connection.map(ConnectionId::uuid)),
                al::setup_id.eq(Some(setup.id)),
                al::code.eq(kind.code()),
                al::happened.eq(happened),
                al::what_to_do.eq(kind.what_to_do()),
            ))
            .on_conflict_do_nothing()
            .execute(&mut self.conn)
            .await?;
        if inserted == 1 {
            let tenant = Some(setup.tenant);
            self.send_of(tenant, &letter_raised(&raised(id, tenant, &new))).await?;
        }
        Ok(inserted == 1)
    }

    /// Closes the alert of this kind where it is open, and tells it on the bus: its cause is gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(
        &mut self,
        tenant: Option<TenantId>,
        connection: Option<ConnectionId>,
        kind: AlertKind,
    ) -> Result<(), StoreError> {
        let closed: Vec<Closed> = statement(
            "UPDATE alerts SET cleared_at = now(), cleared_by = $4
             WHERE tenant_id IS NOT DISTINCT FROM $1 AND code = $2 AND connection_id IS NOT DISTINCT FROM $3
               AND cleared_at IS NULL
             RETURNING id, tenant_id, connection_id, code",
        )
        .bind::<Nullable<SqlUuid>, _>(tenant.map(TenantId::uuid))
        .bind::<Text, _>(kind.code())
        .bind::<Nullable<SqlUuid>, _>(connection.map(ConnectionId::uuid))
        .bind::<Text, _>(BY)
        .load(&mut self.conn)
        .await?;
        for one in &closed {
            self.send_of(tenant, &letter_resolved(&resolved(one, BY))).await?;
        }
        Ok(())
    }
}
