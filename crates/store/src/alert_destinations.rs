use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::AlertDestinationId;
use jiff::Timestamp;
use seal::{Sealed, Secret};
use uuid::Uuid;

use crate::schema::alert_destinations as d;
use crate::{Store, StoreError, TenantTx};

/// A place to send a tenant's alerts to.
#[derive(Debug)]
pub struct NewAlertDestination<'a> {
    /// As staff call it.
    pub name: &'a str,
    /// Its URL, checked by the guard before. It may hold a token.
    pub url: &'a Secret,
    /// What deliveries are signed with.
    pub secret: &'a Secret,
    /// Who set it.
    pub created_by: &'a str,
}

/// A place that alerts are sent to. Its URL and its secret stay sealed.
#[derive(Debug, Clone)]
pub struct AlertDestination {
    /// Which.
    pub id: AlertDestinationId,
    /// As staff call it.
    pub name: String,
    /// Who set it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

fn identity(id: Uuid, column: &str) -> String {
    format!("alert_destinations/{id}/{column}")
}

impl Store {
    pub(crate) fn open_destination(
        &self,
        id: Uuid,
        column: &str,
        sealed: Vec<u8>,
    ) -> Result<Secret, StoreError> {
        let bytes = self.keys.open(&identity(id, column), &Sealed::from_bytes(sealed))?;
        String::from_utf8(bytes)
            .map(Secret::new)
            .map_err(|_| StoreError::Unreadable("alert_destinations.url"))
    }
}

impl TenantTx {
    /// Adds a place to send the tenant's alerts to.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_alert_destination(
        &mut self,
        new: &NewAlertDestination<'_>,
    ) -> Result<AlertDestinationId, StoreError> {
        let id = AlertDestinationId::new();
        let keys = self.store.keys.clone();
        let seal = |column: &str, value: &Secret| {
            keys.seal(&identity(id.uuid(), column), value.expose().as_bytes())
                .map(|sealed| sealed.as_bytes().to_vec())
        };
        diesel::insert_into(d::table)
            .values((
                d::id.eq(id.uuid()),
                d::tenant_id.eq(self.tenant.uuid()),
                d::name.eq(new.name),
                d::url.eq(seal("url", new.url)?),
                d::secret.eq(seal("secret", new.secret)?),
                d::created_by.eq(new.created_by),
            ))
            .execute(&mut self.conn)
            .await?;
        Ok(id)
    }

    /// The places that the tenant's alerts are sent to, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn alert_destinations(&mut self) -> Result<Vec<AlertDestination>, StoreError> {
        let rows: Vec<(Uuid, String, String, jiff_diesel::Timestamp)> = d::table
            .select((d::id, d::name, d::created_by, d::created_at))
            .filter(d::removed_at.is_null())
            .order(d::id)
            .load(&mut self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(id, name, created_by, created_at)| AlertDestination {
                id: AlertDestinationId::from_uuid(id),
                name,
                created_by,
                created_at: created_at.to_jiff(),
            })
            .collect())
    }

    /// Sends no more alerts there; what waits for it is set aside.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such place, or it is another tenant's.
    pub async fn remove_alert_destination(&mut self, id: AlertDestinationId) -> Result<(), StoreError> {
        let removed = diesel::update(d::table.filter(d::id.eq(id.uuid())).filter(d::removed_at.is_null()))
            .set(d::removed_at.eq(diesel::dsl::now))
            .execute(&mut self.conn)
            .await?;
        if removed == 1 { Ok(()) } else { Err(StoreError::NotFound) }
    }
}
