use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{PracticeId, TenantId};

use crate::schema::{practices, tenants};
use crate::{MachineryTx, StoreError, TenantTx};

/// A customer.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its id: the account id in a call's metadata.
    pub id: TenantId,
    /// Its name in URLs.
    pub slug: String,
    /// As staff know it.
    pub name: String,
    /// What its agents speak unless told otherwise: `en`, `es`, `fr`.
    pub language: String,
}

/// One location of a tenant.
#[derive(Debug, Clone)]
pub struct Practice {
    /// Its id.
    pub id: PracticeId,
    /// As patients know it.
    pub name: String,
    /// Its IANA zone.
    pub time_zone: String,
    /// Two letters: whose phone numbers need no country code.
    pub country: String,
}

impl Practice {
    /// The zone of a location whose system has not told it yet.
    pub const NO_ZONE: &str = "UTC";
}

impl TenantTx {
    /// The tenant itself.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tenant_row(&mut self) -> Result<Tenant, StoreError> {
        let (id, slug, name, language) = tenants::table
            .select((tenants::id, tenants::slug, tenants::name, tenants::language))
            .filter(tenants::id.eq(self.tenant.uuid()))
            .first(&mut self.conn)
            .await?;
        Ok(Tenant { id: TenantId::from_uuid(id), slug, name, language })
    }

    /// One of the tenant's locations.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn practice(&mut self, id: PracticeId) -> Result<Practice, StoreError> {
        let (id, name, time_zone, country) = practices::table
            .select((practices::id, practices::name, practices::time_zone, practices::country))
            .filter(practices::id.eq(id.uuid()))
            .first(&mut self.conn)
            .await?;
        Ok(Practice { id: PracticeId::from_uuid(id), name, time_zone, country })
    }
}

impl TenantTx {
    /// The tenant's locations, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn practices(&mut self) -> Result<Vec<Practice>, StoreError> {
        let rows: Vec<(uuid::Uuid, String, String, String)> = practices::table
            .select((practices::id, practices::name, practices::time_zone, practices::country))
            .order(practices::id)
            .load(&mut self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(id, name, time_zone, country)| Practice {
                id: PracticeId::from_uuid(id),
                name,
                time_zone,
                country,
            })
            .collect())
    }
}

impl MachineryTx {
    /// Makes or renames a tenant.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the slug is another's.
    pub async fn put_tenant(&mut self, tenant: &Tenant) -> Result<(), StoreError> {
        diesel::insert_into(tenants::table)
            .values((
                tenants::id.eq(tenant.id.uuid()),
                tenants::slug.eq(&tenant.slug),
                tenants::name.eq(&tenant.name),
                tenants::language.eq(&tenant.language),
            ))
            .on_conflict(tenants::id)
            .do_update()
            .set((tenants::name.eq(&tenant.name), tenants::language.eq(&tenant.language)))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Every tenant, by slug.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tenants(&mut self) -> Result<Vec<Tenant>, StoreError> {
        let rows: Vec<(uuid::Uuid, String, String, String)> = tenants::table
            .select((tenants::id, tenants::slug, tenants::name, tenants::language))
            .order(tenants::slug)
            .load(&mut self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(id, slug, name, language)| Tenant { id: TenantId::from_uuid(id), slug, name, language })
            .collect())
    }

    /// Makes or changes a location.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_practice(&mut self, tenant: TenantId, practice: &Practice) -> Result<(), StoreError> {
        diesel::insert_into(practices::table)
            .values((
                practices::id.eq(practice.id.uuid()),
                practices::tenant_id.eq(tenant.uuid()),
                practices::name.eq(&practice.name),
                practices::time_zone.eq(&practice.time_zone),
                practices::country.eq(&practice.country),
            ))
            .on_conflict(practices::id)
            .do_update()
            .set((
                practices::name.eq(&practice.name),
                practices::time_zone.eq(&practice.time_zone),
                practices::country.eq(&practice.country),
            ))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }
}
