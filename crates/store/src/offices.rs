//! Whose offices and locations are: read and decided by one transaction at a time.

use diesel::prelude::*;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{ConnectionId, PracticeId, TenantId};
use uuid::Uuid;

use crate::connections::{self, COLUMNS, forget_keys};
use crate::rounds::DueConnection;
use crate::schema::{pms_connections as c, practices};
use crate::statement::statement;
use crate::{Connection, MachineryTx, Practice, StoreError};

/// A connection to an office.
#[derive(Debug, Clone)]
pub struct OfficeConnection {
    /// Whose, and which.
    pub due: DueConnection,
    /// The vendor's id of the location.
    pub location: String,
    /// As the connection's own.
    pub status: String,
}

impl MachineryTx {
    /// Lets nobody else decide whose an office is until this transaction ends.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lock_office(&mut self, vendor: &str, office: &str) -> Result<(), StoreError> {
        statement("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind::<Text, _>(format!("pms office {vendor} {}", office.to_ascii_uppercase()))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Every connection to an office, whoever's, those that are disabled last.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn connections_of_office(
        &mut self,
        vendor: &str,
        office: &str,
    ) -> Result<Vec<OfficeConnection>, StoreError> {
        #[derive(QueryableByName)]
        struct Found {
            #[diesel(sql_type = SqlUuid)]
            id: Uuid,
            #[diesel(sql_type = SqlUuid)]
            tenant_id: Uuid,
            #[diesel(sql_type = Text)]
            location: String,
            #[diesel(sql_type = Text)]
            status: String,
        }
        let rows: Vec<Found> = statement(
            "SELECT id, tenant_id, coalesce(config ->> 'practice_id', '') AS location, status
             FROM pms_connections WHERE vendor = $1 AND upper(config ->> 'office_id') = $2
             ORDER BY status = 'disabled', id",
        )
        .bind::<Text, _>(vendor)
        .bind::<Text, _>(office.to_ascii_uppercase())
        .load(&mut self.conn)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| OfficeConnection {
                due: DueConnection {
                    tenant: TenantId::from_uuid(row.tenant_id),
                    connection: ConnectionId::from_uuid(row.id),
                },
                location: row.location,
                status: row.status,
            })
            .collect())
    }

    /// Lets nobody else decide which of a tenant's locations an office becomes until this transaction ends. Where both
    /// are needed the office is locked first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lock_places(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        statement("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind::<Text, _>(format!("pms places {tenant}"))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// A tenant's locations, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn practices_of(&mut self, tenant: TenantId) -> Result<Vec<Practice>, StoreError> {
        let rows: Vec<(Uuid, String, String, String)> = practices::table
            .select((practices::id, practices::name, practices::time_zone, practices::country))
            .filter(practices::tenant_id.eq(tenant.uuid()))
            .order(practices::id)
            .load(&mut self.conn)
            .await?;
        let practice = |(id, name, time_zone, country)| Practice {
            id: PracticeId::from_uuid(id),
            name,
            time_zone,
            country,
        };
        Ok(rows.into_iter().map(practice).collect())
    }

    /// A tenant's connections, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn connections_of(&mut self, tenant: TenantId) -> Result<Vec<Connection>, StoreError> {
        let rows = c::table
            .select(COLUMNS)
            .filter(c::tenant_id.eq(tenant.uuid()))
            .order(c::id)
            .load(&mut self.conn)
            .await?;
        Ok(rows.into_iter().map(connections::connection).collect())
    }

    /// One of a tenant's connections; nobody else changes it until this transaction ends.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn connection_to_change(
        &mut self,
        tenant: TenantId,
        id: ConnectionId,
    ) -> Result<Connection, StoreError> {
        let row = c::table
            .select(COLUMNS)
            .filter(c::tenant_id.eq(tenant.uuid()))
            .filter(c::id.eq(id.uuid()))
            .for_update()
            .first(&mut self.conn)
            .await?;
        Ok(connections::connection(row))
    }

    /// As [`TenantTx::forget_keys`](crate::TenantTx::forget_keys).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_keys(&mut self, id: ConnectionId) -> Result<(), StoreError> {
        forget_keys(&mut self.conn, id).await
    }

    /// Takes a connection that is being made, and only such a one, off its way, and says why.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pending_failed(&mut self, id: ConnectionId, why: &str) -> Result<bool, StoreError> {
        let set = diesel::update(c::table.filter(c::id.eq(id.uuid())).filter(c::status.eq("pending")))
            .set((c::status.eq("error"), c::last_error.eq(Some(why)), c::updated_at.eq(diesel::dsl::now)))
            .execute(&mut self.conn)
            .await?;
        Ok(set == 1)
    }

    /// Has a connection in use, and only such a one, wait for its practice's data as a new one does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn await_data(&mut self, id: ConnectionId) -> Result<bool, StoreError> {
        let set = diesel::update(c::table.filter(c::id.eq(id.uuid())).filter(c::status.eq("active")))
            .set((c::status.eq("pending"), c::updated_at.eq(diesel::dsl::now)))
            .execute(&mut self.conn)
            .await?;
        Ok(set == 1)
    }

    /// Gives a location the zone and the country that its system tells, where it was made before they were known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn learn_place(
        &mut self,
        tenant: TenantId,
        practice: PracticeId,
        time_zone: &str,
        country: &str,
    ) -> Result<(), StoreError> {
        let unknown = practices::table
            .filter(practices::tenant_id.eq(tenant.uuid()))
            .filter(practices::id.eq(practice.uuid()))
            .filter(practices::time_zone.eq(Practice::NO_ZONE));
        diesel::update(unknown)
            .set((practices::time_zone.eq(time_zone), practices::country.eq(country)))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Has outcomes of a connection's writes looked at now: the copy that may show them is new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn hurry_looks(&mut self, connection: ConnectionId) -> Result<usize, StoreError> {
        Ok(statement(
            "UPDATE pms_writebacks SET next_check_at = now()
             WHERE connection_id = $1 AND state = 'submitted' AND next_check_at > now()",
        )
        .bind::<SqlUuid, _>(connection.uuid())
        .execute(&mut self.conn)
        .await?)
    }
}
