use diesel::prelude::*;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{Role, TenantId, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::schema::{memberships as m, users as u};
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

/// A person who signed in, and what they are where.
#[derive(Debug, Clone)]
pub struct SignedInUser {
    /// The person.
    pub user: UserId,
    /// Their tenants, and the word for what they are there.
    pub memberships: Vec<(TenantId, String)>,
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
            .select((u::id, u::issuer, u::subject, u::name, m::role, m::created_at))
            .order((u::name, u::id))
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
}

impl MachineryTx {
    /// Takes somebody into a tenant, or changes what they are there and are called.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is no such tenant.
    pub async fn put_member(
        &mut self,
        tenant: TenantId,
        (issuer, subject): (&str, &str),
        name: &str,
        role: Role,
        by: &str,
    ) -> Result<UserId, StoreError> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = SqlUuid)]
            id: Uuid,
        }
        let row: Row = diesel::sql_query(
            "INSERT INTO users (id, issuer, subject, name) VALUES ($1, $2, $3, $4)
             ON CONFLICT (issuer, subject) DO UPDATE SET name = EXCLUDED.name RETURNING id",
        )
        .bind::<SqlUuid, _>(UserId::new().uuid())
        .bind::<Text, _>(issuer)
        .bind::<Text, _>(subject)
        .bind::<Text, _>(name)
        .get_result(&mut self.conn)
        .await?;
        diesel::insert_into(m::table)
            .values((
                m::tenant_id.eq(tenant.uuid()),
                m::user_id.eq(row.id),
                m::role.eq(role.as_str()),
                m::created_by.eq(by),
            ))
            .on_conflict((m::tenant_id, m::user_id))
            .do_update()
            .set(m::role.eq(role.as_str()))
            .execute(&mut self.conn)
            .await?;
        Ok(UserId::from_uuid(row.id))
    }

    /// Ends somebody's membership; `false` when there was none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_member(&mut self, tenant: TenantId, user: UserId) -> Result<bool, StoreError> {
        let ended = diesel::delete(
            m::table.filter(m::tenant_id.eq(tenant.uuid())).filter(m::user_id.eq(user.uuid())),
        )
        .execute(&mut self.conn)
        .await?;
        Ok(ended > 0)
    }

    /// Who the issuer means, and what they are where. `None`: nobody has taken them in.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn signed_in(
        &mut self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<SignedInUser>, StoreError> {
        let rows: Vec<(Uuid, Option<(Uuid, String)>)> = u::table
            .left_join(m::table)
            .select((u::id, (m::tenant_id, m::role).nullable()))
            .filter(u::issuer.eq(issuer))
            .filter(u::subject.eq(subject))
            .order(m::tenant_id)
            .load(&mut self.conn)
            .await?;
        let Some((user, _)) = rows.as_slice().first() else { return Ok(None) };
        let user = UserId::from_uuid(*user);
        let memberships = rows.into_iter().filter_map(|(_, membership)| membership);
        let memberships = memberships.map(|(tenant, role)| (TenantId::from_uuid(tenant), role)).collect();
        Ok(Some(SignedInUser { user, memberships }))
    }
}
