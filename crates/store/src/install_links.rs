use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::TenantId;
use uuid::Uuid;

use crate::schema::pms_install_links as l;
use crate::{MachineryTx, StoreError};

impl MachineryTx {
    /// Keeps the hash of a new address at which `vendor` tells of the tenant's installs.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_install_link(
        &mut self,
        tenant: TenantId,
        vendor: &str,
        hash: &[u8; 32],
    ) -> Result<(), StoreError> {
        diesel::insert_into(l::table)
            .values((
                l::id.eq(Uuid::now_v7()),
                l::tenant_id.eq(tenant.uuid()),
                l::vendor.eq(vendor),
                l::hash.eq(&hash[..]),
            ))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Ends every address of the tenant's for `vendor`; how many there were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke_install_links(
        &mut self,
        tenant: TenantId,
        vendor: &str,
    ) -> Result<usize, StoreError> {
        let standing = l::table
            .filter(l::tenant_id.eq(tenant.uuid()))
            .filter(l::vendor.eq(vendor))
            .filter(l::revoked_at.is_null());
        Ok(diesel::update(standing).set(l::revoked_at.eq(diesel::dsl::now)).execute(&mut self.conn).await?)
    }

    /// Whose address has a secret of this hash, and whether it still stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn install_link_owner(
        &mut self,
        vendor: &str,
        hash: &[u8; 32],
    ) -> Result<Option<(TenantId, bool)>, StoreError> {
        let found: Option<(Uuid, bool)> = l::table
            .select((l::tenant_id, l::revoked_at.is_null()))
            .filter(l::hash.eq(&hash[..]))
            .filter(l::vendor.eq(vendor))
            .first(&mut self.conn)
            .await
            .optional()?;
        Ok(found.map(|(tenant, stands)| (TenantId::from_uuid(tenant), stands)))
    }
}
