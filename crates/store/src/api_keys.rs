use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{ApiKeyId, Permission, TenantId};
use jiff::{SignedDuration, Timestamp};
use jiff_diesel::{NullableTimestamp, ToDiesel as _};
use seal::Secret;
use uuid::Uuid;

use crate::schema::api_keys as k;
use crate::{MachineryTx, StoreError, TenantTx};

/// A key in use is noted as used this often, so that not every request is a write.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Whose API key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiKeyOwner {
    /// The key.
    pub key: ApiKeyId,
    /// Its tenant.
    pub tenant: TenantId,
}

/// A key to be made: the key itself is shown once and kept nowhere.
#[derive(Debug)]
pub struct NewApiKey<'a> {
    /// Its id.
    pub id: ApiKeyId,
    /// What it is for, in its maker's words.
    pub name: &'a str,
    /// The key's SHA-256.
    pub hash: &'a [u8; 32],
    /// How the key begins: enough to tell it from others, not enough to guess it.
    pub begins_with: &'a str,
    /// What it may do; `None`: everything, also what is added later.
    pub scopes: Option<&'a [Permission]>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// Who made it.
    pub created_by: &'a str,
}

/// A key that was just thought of.
#[derive(Debug)]
pub struct FreshApiKey {
    /// The key itself, to be shown once.
    pub text: Secret,
    /// What is stored of it.
    pub hash: [u8; 32],
    /// How it begins.
    pub begins_with: String,
}

impl FreshApiKey {
    /// A key that nobody can guess: `swb_` and 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`StoreError::Seal`] when the system has no random bytes to give.
    pub fn make() -> Result<Self, StoreError> {
        let text = format!("swb_{}", seal::sha256_hex(&seal::random::<32>()?));
        let begins_with = text.chars().take(10).collect();
        Ok(Self { hash: seal::sha256(text.as_bytes()), begins_with, text: Secret::new(text) })
    }
}

/// A key, as people see it.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// How it begins, where that was kept.
    pub begins_with: Option<String>,
    /// What it may do; `None`: everything.
    pub scopes: Option<Vec<String>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it, where that was kept.
    pub created_by: Option<String>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// What is known of a key that somebody came with.
#[derive(Debug, Clone)]
pub struct FoundApiKey {
    /// Whose it is.
    pub owner: ApiKeyOwner,
    /// What it may do; `None`: everything.
    pub scopes: Option<Vec<String>>,
    /// Why it opens nothing any more: `revoked` or `expired`.
    pub over: Option<&'static str>,
}

type Row = (
    Uuid,
    String,
    Option<String>,
    Option<Vec<String>>,
    jiff_diesel::Timestamp,
    Option<String>,
    NullableTimestamp,
    NullableTimestamp,
    NullableTimestamp,
);

impl TenantTx {
    /// Makes a key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn make_api_key(&mut self, new: &NewApiKey<'_>) -> Result<(), StoreError> {
        let scopes: Option<Vec<&str>> =
            new.scopes.map(|scopes| scopes.iter().map(|scope| scope.as_str()).collect());
        diesel::insert_into(k::table)
            .values((
                k::id.eq(new.id.uuid()),
                k::tenant_id.eq(self.tenant.uuid()),
                k::name.eq(new.name),
                k::hash.eq(&new.hash[..]),
                k::begins_with.eq(new.begins_with),
                k::scopes.eq(scopes),
                k::expires_at.eq(new.expires_at.map(|at| at.to_diesel())),
                k::created_by.eq(new.created_by),
            ))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// The tenant's keys, oldest first; `all`: also those that open nothing any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn api_keys(&mut self, all: bool) -> Result<Vec<ApiKey>, StoreError> {
        let rows: Vec<Row> = k::table
            .select((
                k::id,
                k::name,
                k::begins_with,
                k::scopes,
                k::created_at,
                k::created_by,
                k::expires_at,
                k::last_used_at,
                k::revoked_at,
            ))
            .order(k::id)
            .load(&mut self.conn)
            .await?;
        let now = Timestamp::now();
        let keys = rows.into_iter().map(api_key);
        let is_over = |key: &ApiKey| key.revoked_at.is_some() || key.expires_at.is_some_and(|at| at <= now);
        Ok(keys.filter(|key| all || !is_over(key)).collect())
    }

    /// Revokes a key: from now on it opens nothing. `false` when it was revoked already.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn revoke_api_key(&mut self, id: ApiKeyId, by: &str) -> Result<bool, StoreError> {
        let revoked = diesel::update(k::table.filter(k::id.eq(id.uuid())).filter(k::revoked_at.is_null()))
            .set((k::revoked_at.eq(diesel::dsl::now), k::revoked_by.eq(by)))
            .execute(&mut self.conn)
            .await?;
        if revoked == 0 {
            let _: Uuid = k::table.select(k::id).filter(k::id.eq(id.uuid())).first(&mut self.conn).await?;
        }
        Ok(revoked > 0)
    }
}

impl MachineryTx {
    /// Stores a new API key's hash; the key may do everything and never expires. A key that exists stays whose
    /// it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_api_key(
        &mut self,
        owner: ApiKeyOwner,
        name: &str,
        hash: &[u8; 32],
    ) -> Result<(), StoreError> {
        diesel::insert_into(k::table)
            .values((
                k::id.eq(owner.key.uuid()),
                k::tenant_id.eq(owner.tenant.uuid()),
                k::name.eq(name),
                k::hash.eq(&hash[..]),
            ))
            .on_conflict(k::hash)
            .do_nothing()
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// The key that hashes to `hash`, also one that is over; one that is not is noted as used.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_api_key(&mut self, hash: &[u8; 32]) -> Result<Option<FoundApiKey>, StoreError> {
        type Found =
            (Uuid, Uuid, Option<Vec<String>>, NullableTimestamp, NullableTimestamp, NullableTimestamp);
        let found: Option<Found> = k::table
            .select((k::id, k::tenant_id, k::scopes, k::expires_at, k::revoked_at, k::last_used_at))
            .filter(k::hash.eq(&hash[..]))
            .first(&mut self.conn)
            .await
            .optional()?;
        let Some((key, tenant, scopes, expires_at, revoked_at, last_used_at)) = found else {
            return Ok(None);
        };
        let (expires_at, revoked_at, last_used_at): (
            Option<Timestamp>,
            Option<Timestamp>,
            Option<Timestamp>,
        ) = (expires_at.into(), revoked_at.into(), last_used_at.into());
        let now = Timestamp::now();
        let over = match (revoked_at, expires_at) {
            (Some(_), _) => Some("revoked"),
            (None, Some(at)) if at <= now => Some("expired"),
            _ => None,
        };
        if over.is_none() && last_used_at.is_none_or(|at| at + NOTED_EVERY <= now) {
            diesel::update(k::table.filter(k::id.eq(key)))
                .set(k::last_used_at.eq(diesel::dsl::now))
                .execute(&mut self.conn)
                .await?;
        }
        let owner = ApiKeyOwner { key: ApiKeyId::from_uuid(key), tenant: TenantId::from_uuid(tenant) };
        Ok(Some(FoundApiKey { owner, scopes, over }))
    }
}

fn api_key(row: Row) -> ApiKey {
    let (id, name, begins_with, scopes, created_at, created_by, expires_at, last_used_at, revoked_at) = row;
    ApiKey {
        id: ApiKeyId::from_uuid(id),
        name,
        begins_with,
        scopes,
        created_at: created_at.to_jiff(),
        created_by,
        expires_at: expires_at.into(),
        last_used_at: last_used_at.into(),
        revoked_at: revoked_at.into(),
    }
}
