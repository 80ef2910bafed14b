use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{Role, TenantId, UserId};
use jiff::Timestamp;
use jiff_diesel::NullableTimestamp;
use uuid::Uuid;

use crate::schema::{former_members as f, memberships as m, tenants as t, users as u};
use crate::tx::{APP, Connection, MACHINERY};
use crate::{MachineryTx, StoreError, TenantTx};

/// Somebody who belongs to a tenant.
#[derive(Debug, Clone)]
pub struct Member {
    /// The person.
    pub user: UserId,
    /// Who says who they are: the issuer of their sign-ins.
    pub issuer: String,
    /// What the issuer calls them.
    pub subject: String,
    /// What colleagues call them.
    pub name: String,
    /// What they are here: a word of [`Role`]; another word may do nothing.
    pub role: String,
    /// Since when.
    pub since: Timestamp,
}

/// What a person is in one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Where.
    pub tenant: TenantId,
    /// The word for what they are there.
    pub role: String,
    /// Whether they ever came there.
    pub is_used: bool,
}

/// A person who signed in, and what they are where.
#[derive(Debug, Clone)]
pub struct SignedInUser {
    /// The person.
    pub user: UserId,
    /// Where they belong: where they came first, first.
    pub memberships: Vec<Membership>,
}

impl SignedInUser {
    /// Where they are while they name no tenant: where they came first. Another tenant that takes them in changes
    /// nothing about it. `None`: they belong to several and never came to any, or they belong nowhere.
    #[must_use]
    pub fn home(&self) -> Option<&Membership> {
        let first = self.memberships.as_slice().first()?;
        (first.is_used || self.memberships.len() == 1).then_some(first)
    }
}

impl TenantTx {
    /// The tenant's people, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn members(&mut self) -> Result<Vec<Member>, StoreError> {
        type Row = (Uuid, String, String, String, String, jiff_diesel::Timestamp);
        let rows: Vec<Row> = m::table
            .inner_join(u::table)
            .select((u::id, u::issuer, u::subject, m::name, m::role, m::created_at))
            .order((m::name, u::id))
            .load(&mut self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(user, issuer, subject, name, role, since)| Member {
                user: UserId::from_uuid(user),
                issuer,
                subject,
                name,
                role,
                since: since.to_jiff(),
            })
            .collect())
    }

    /// As [`TenantTx::members`]; until this transaction ends nobody else changes who they are.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such tenant.
    pub async fn members_to_change(&mut self) -> Result<Vec<Member>, StoreError> {
        self.take_on(MACHINERY).await?;
        let locked = t::table
            .select(t::id)
            .filter(t::id.eq(self.tenant.uuid()))
            .for_no_key_update()
            .first::<Uuid>(&mut self.conn)
            .await;
        let back = self.take_on(APP).await;
        locked?;
        back?;
        self.members().await
    }

    /// Takes somebody into the tenant, or changes what they are here and are called here. What they are elsewhere
    /// stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is no such tenant.
    pub async fn put_member(
        &mut self,
        who: (&str, &str),
        name: &str,
        role: Role,
        by: &str,
    ) -> Result<UserId, StoreError> {
        self.take_on(MACHINERY).await?;
        let put = put(&mut self.conn, self.tenant, who, name, role, by).await;
        let back = self.take_on(APP).await;
        let user = put?;
        back?;
        Ok(user)
    }

    /// Ends somebody's membership; `false` when there was none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_member(&mut self, user: UserId) -> Result<bool, StoreError> {
        self.take_on(MACHINERY).await?;
        let removed = remove(&mut self.conn, self.tenant, user).await;
        let back = self.take_on(APP).await;
        let removed = removed?;
        back?;
        Ok(removed)
    }
}

async fn put(
    conn: &mut Connection,
    tenant: TenantId,
    (issuer, subject): (&str, &str),
    name: &str,
    role: Role,
    by: &str,
) -> Result<UserId, StoreError> {
    diesel::insert_into(u::table)
        .values((u::id.eq(UserId::new().uuid()), u::issuer.eq(issuer), u::subject.eq(subject)))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    let user: Uuid = u::table
        .select(u::id)
        .filter(u::issuer.eq(issuer))
        .filter(u::subject.eq(subject))
        .first(conn)
        .await?;
    diesel::insert_into(m::table)
        .values((
            m::tenant_id.eq(tenant.uuid()),
            m::user_id.eq(user),
            m::name.eq(name),
            m::role.eq(role.as_str()),
            m::created_by.eq(by),
        ))
        .on_conflict((m::tenant_id, m::user_id))
        .do_update()
        .set((m::role.eq(role.as_str()), m::name.eq(name)))
        .execute(conn)
        .await?;
    Ok(UserId::from_uuid(user))
}

async fn remove(conn: &mut Connection, tenant: TenantId, user: UserId) -> Result<bool, StoreError> {
    let theirs = m::table.filter(m::tenant_id.eq(tenant.uuid())).filter(m::user_id.eq(user.uuid()));
    if diesel::delete(theirs).execute(conn).await? == 0 {
        return Ok(false);
    }
    diesel::insert_into(f::table)
        .values((f::tenant_id.eq(tenant.uuid()), f::user_id.eq(user.uuid())))
        .on_conflict((f::tenant_id, f::user_id))
        .do_update()
        .set(f::ended_at.eq(diesel::dsl::now))
        .execute(conn)
        .await?;
    Ok(true)
}

impl MachineryTx {
    /// Who the issuer means, and what they are where. `None`: nobody has taken them in.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn signed_in(
        &mut self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<SignedInUser>, StoreError> {
        type Row = (Uuid, Option<(Uuid, String, NullableTimestamp)>);
        let rows: Vec<Row> = u::table
            .left_join(m::table)
            .select((u::id, (m::tenant_id, m::role, m::first_used_at).nullable()))
            .filter(u::issuer.eq(issuer))
            .filter(u::subject.eq(subject))
            .order((m::first_used_at.asc().nulls_last(), m::tenant_id))
            .load(&mut self.conn)
            .await?;
        let Some((user, _)) = rows.as_slice().first() else { return Ok(None) };
        let user = UserId::from_uuid(*user);
        let memberships = rows.into_iter().filter_map(|(_, membership)| membership);
        let memberships = memberships
            .map(|(tenant, role, first_used_at)| Membership {
                tenant: TenantId::from_uuid(tenant),
                role,
                is_used: first_used_at.to_jiff().is_some(),
            })
            .collect();
        Ok(Some(SignedInUser { user, memberships }))
    }

    /// Notes that somebody came to a tenant they belong to, where it is the first time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_first_use(&mut self, tenant: TenantId, user: UserId) -> Result<(), StoreError> {
        let theirs = m::table.filter(m::tenant_id.eq(tenant.uuid())).filter(m::user_id.eq(user.uuid()));
        diesel::update(theirs.filter(m::first_used_at.is_null()))
            .set(m::first_used_at.eq(diesel::dsl::now))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Where somebody once belonged, the latest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn left_tenants(&mut self, user: UserId) -> Result<Vec<TenantId>, StoreError> {
        let left = f::table.filter(f::user_id.eq(user.uuid())).select(f::tenant_id).order(f::ended_at.desc());
        Ok(left.load(&mut self.conn).await?.into_iter().map(TenantId::from_uuid).collect())
    }
}
