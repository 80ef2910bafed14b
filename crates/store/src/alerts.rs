use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{AlertId, AlertKind, ConnectionId, TenantId};
use jiff::Timestamp;
use jiff_diesel::NullableTimestamp;
use messages::{Named as _, v1};
use uuid::Uuid;

use crate::schema::alerts as al;
use crate::statement::statement;
use crate::{MachineryTx, OutgoingLetter, StoreError, TenantTx};

/// Something somebody should look at. It names no patient (P8).
#[derive(Debug, Clone, Copy)]
pub struct NewAlert<'a> {
    /// About which connection.
    pub connection: Option<ConnectionId>,
    /// What.
    pub kind: AlertKind,
    /// What happened, in words an operator understands.
    pub happened: &'a str,
}

/// An alert as it stands.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Which.
    pub id: AlertId,
    /// Whose; none: the installation's own.
    pub tenant: Option<TenantId>,
    /// About which connection.
    pub connection: Option<ConnectionId>,
    /// The location of that connection, as patients know it.
    pub practice: Option<String>,
    /// What: a kind's word, also of kinds that only a later version knows.
    pub code: String,
    /// What happened when it was raised.
    pub happened: String,
    /// The next action.
    pub what_to_do: String,
    /// Since when.
    pub raised_at: Timestamp,
    /// Until when.
    pub cleared_at: Option<Timestamp>,
    /// Who closed it: `switchboard`, or a person.
    pub cleared_by: Option<String>,
}

impl Alert {
    /// What it is about, as a headline.
    #[must_use]
    pub fn subject(&self) -> &str {
        match AlertKind::from_code(&self.code) {
            Some(kind) => kind.subject(),
            None => &self.code,
        }
    }
}

/// Which alerts to list, newest first.
#[derive(Debug, Clone, Copy)]
pub struct AlertFilter {
    /// Only open ones, or only closed ones.
    pub open: Option<bool>,
    /// The page after this one.
    pub after: Option<AlertId>,
    /// How many at most.
    pub most: i64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    tenant_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    connection_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    practice: Option<String>,
    #[diesel(sql_type = Text)]
    code: String,
    #[diesel(sql_type = Text)]
    happened: String,
    #[diesel(sql_type = Text)]
    what_to_do: String,
    #[diesel(sql_type = Timestamptz, deserialize_as = jiff_diesel::Timestamp)]
    raised_at: Timestamp,
    #[diesel(sql_type = Nullable<Timestamptz>, deserialize_as = NullableTimestamp)]
    cleared_at: Option<Timestamp>,
    #[diesel(sql_type = Nullable<Text>)]
    cleared_by: Option<String>,
}

impl From<Row> for Alert {
    fn from(row: Row) -> Self {
        Self {
            id: AlertId::from_uuid(row.id),
            tenant: row.tenant_id.map(TenantId::from_uuid),
            connection: row.connection_id.map(ConnectionId::from_uuid),
            practice: row.practice,
            code: row.code,
            happened: row.happened,
            what_to_do: row.what_to_do,
            raised_at: row.raised_at,
            cleared_at: row.cleared_at,
            cleared_by: row.cleared_by,
        }
    }
}

const SELECT: &str = "SELECT a.id, a.tenant_id, a.connection_id, p.name AS practice, a.code, a.happened, a.what_to_do, \
     a.raised_at, a.cleared_at, a.cleared_by FROM alerts a \
     LEFT JOIN pms_connections c ON c.id = a.connection_id LEFT JOIN practices p ON p.id = c.practice_id";

async fn listed(conn: &mut AsyncPgConnection, filter: AlertFilter) -> Result<Vec<Alert>, StoreError> {
    let rows: Vec<Row> = statement(format!(
        "{SELECT} WHERE ($1 IS NULL OR (a.cleared_at IS NULL) = $1) AND ($2 IS NULL OR a.id < $2)
         ORDER BY a.id DESC LIMIT $3"
    ))
    .bind::<Nullable<Bool>, _>(filter.open)
    .bind::<Nullable<SqlUuid>, _>(filter.after.map(AlertId::uuid))
    .bind::<BigInt, _>(filter.most)
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(Alert::from).collect())
}

pub(crate) async fn one(conn: &mut AsyncPgConnection, id: AlertId) -> Result<Alert, StoreError> {
    let row: Row =
        statement(format!("{SELECT} WHERE a.id = $1")).bind::<SqlUuid, _>(id.uuid()).get_result(conn).await?;
    Ok(row.into())
}

/// None: the same one is open.
async fn insert(
    conn: &mut AsyncPgConnection,
    tenant: Option<TenantId>,
    new: &NewAlert<'_>,
) -> Result<Option<AlertId>, StoreError> {
    let id = AlertId::new();
    let raised = diesel::insert_into(al::table)
        .values((
            al::id.eq(id.uuid()),
            al::tenant_id.eq(tenant.map(TenantId::uuid)),
            al::connection_id.eq(new.connection.map(ConnectionId::uuid)),
            al::code.eq(new.kind.code()),
            al::happened.eq(new.happened),
            al::what_to_do.eq(new.kind.what_to_do()),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok((raised == 1).then_some(id))
}

#[derive(QueryableByName)]
pub(crate) struct Closed {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    tenant_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    connection_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    code: String,
}

async fn close(
    conn: &mut AsyncPgConnection,
    id: AlertId,
    by: &str,
) -> Result<Option<(Option<TenantId>, Vec<u8>)>, StoreError> {
    let closed: Option<Closed> = statement(
        "UPDATE alerts SET cleared_at = now(), cleared_by = $2 WHERE id = $1 AND cleared_at IS NULL
         RETURNING id, tenant_id, connection_id, code",
    )
    .bind::<SqlUuid, _>(id.uuid())
    .bind::<Text, _>(by)
    .get_result(conn)
    .await
    .optional()?;
    Ok(closed.map(|closed| (closed.tenant_id.map(TenantId::from_uuid), resolved(&closed, by))))
}

pub(crate) fn resolved(closed: &Closed, by: &str) -> Vec<u8> {
    v1::AlertResolved {
        tenant_id: closed.tenant_id.map(|id| TenantId::from_uuid(id).to_string()).unwrap_or_default(),
        connection_id: closed
            .connection_id
            .map(|id| ConnectionId::from_uuid(id).to_string())
            .unwrap_or_default(),
        code: closed.code.clone(),
        alert_id: AlertId::from_uuid(closed.id).to_string(),
        resolved_by: by.to_owned(),
    }
    .to_bytes()
}

pub(crate) fn raised(id: AlertId, tenant: Option<TenantId>, new: &NewAlert<'_>) -> Vec<u8> {
    v1::AlertRaised {
        tenant_id: tenant.map(|id| id.to_string()).unwrap_or_default(),
        connection_id: new.connection.map(|id| id.to_string()).unwrap_or_default(),
        code: new.kind.code().to_owned(),
        what_to_do: new.kind.what_to_do().to_owned(),
        alert_id: id.to_string(),
        subject: new.kind.subject().to_owned(),
        happened: new.happened.to_owned(),
    }
    .to_bytes()
}

pub(crate) fn letter_raised(body: &[u8]) -> OutgoingLetter<'_> {
    OutgoingLetter::event("alert.raised", v1::AlertRaised::NAME, body)
}

pub(crate) fn letter_resolved(body: &[u8]) -> OutgoingLetter<'_> {
    OutgoingLetter::event("alert.resolved", v1::AlertResolved::NAME, body)
}

impl TenantTx {
    /// Raises an alert unless the same one is open, and tells it on the bus. True: it is new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn raise(&mut self, new: &NewAlert<'_>) -> Result<bool, StoreError> {
        let tenant = Some(self.tenant);
        let Some(id) = insert(&mut self.conn, tenant, new).await? else { return Ok(false) };
        self.send(&letter_raised(&raised(id, tenant, new))).await?;
        Ok(true)
    }

    /// The last alert of this kind that is about no connection, open or closed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_alert(&mut self, kind: AlertKind) -> Result<Option<Alert>, StoreError> {
        let last: Option<Row> = statement(format!(
            "{SELECT} WHERE a.code = $1 AND a.connection_id IS NULL ORDER BY a.id DESC LIMIT 1"
        ))
        .bind::<Text, _>(kind.code())
        .get_result(&mut self.conn)
        .await
        .optional()?;
        Ok(last.map(Alert::from))
    }

    /// Closes the alert of this kind where it is open, and tells it on the bus: its cause is gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(
        &mut self,
        connection: Option<ConnectionId>,
        kind: AlertKind,
    ) -> Result<(), StoreError> {
        const BY: &str = "switchboard";
        let closed: Vec<Closed> = statement(
            "UPDATE alerts SET cleared_at = now(), cleared_by = $3
             WHERE code = $1 AND connection_id IS NOT DISTINCT FROM $2 AND cleared_at IS NULL
             RETURNING id, tenant_id, connection_id, code",
        )
        .bind::<Text, _>(kind.code())
        .bind::<Nullable<SqlUuid>, _>(connection.map(ConnectionId::uuid))
        .bind::<Text, _>(BY)
        .load(&mut self.conn)
        .await?;
        for one in &closed {
            self.send(&letter_resolved(&resolved(one, BY))).await?;
        }
        Ok(())
    }

    /// Closes an alert by hand. False: it was closed before. Where its cause is still there, it is raised anew.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn resolve_alert(&mut self, id: AlertId, by: &str) -> Result<bool, StoreError> {
        let Some((_, body)) = close(&mut self.conn, id, by).await? else {
            return one(&mut self.conn, id).await.map(|_| false);
        };
        self.send(&letter_resolved(&body)).await?;
        Ok(true)
    }

    /// The tenant's alerts, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn alerts(&mut self, filter: AlertFilter) -> Result<Vec<Alert>, StoreError> {
        listed(&mut self.conn, filter).await
    }

    /// One of the tenant's alerts.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn alert(&mut self, id: AlertId) -> Result<Alert, StoreError> {
        one(&mut self.conn, id).await
    }
}

impl MachineryTx {
    /// Every open alert, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_alerts(&mut self) -> Result<Vec<Alert>, StoreError> {
        let all = AlertFilter { open: Some(true), after: None, most: i64::MAX };
        let mut open = listed(&mut self.conn, all).await?;
        open.reverse();
        Ok(open)
    }

    /// Everybody's alerts, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn alerts(&mut self, filter: AlertFilter) -> Result<Vec<Alert>, StoreError> {
        listed(&mut self.conn, filter).await
    }

    /// One alert, whoever's.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn alert(&mut self, id: AlertId) -> Result<Alert, StoreError> {
        one(&mut self.conn, id).await
    }

    /// Raises an alert of a tenant's, or of the installation's own, unless the same one is open, and tells it on the
    /// bus. True: it is new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn raise(&mut self, tenant: Option<TenantId>, new: &NewAlert<'_>) -> Result<bool, StoreError> {
        let Some(id) = insert(&mut self.conn, tenant, new).await? else { return Ok(false) };
        self.send_of(tenant, &letter_raised(&raised(id, tenant, new))).await?;
        Ok(true)
    }

    /// Closes an alert, and tells it on the bus. False: it was closed before.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn resolve_alert(&mut self, id: AlertId, by: &str) -> Result<bool, StoreError> {
        let Some((tenant, body)) = close(&mut self.conn, id, by).await? else {
            return one(&mut self.conn, id).await.map(|_| false);
        };
        self.send_of(tenant, &letter_resolved(&body)).await?;
        Ok(true)
    }

    /// Whether nobody else does `work` now. The right to it ends with this transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn alone(&mut self, work: &str) -> Result<bool, StoreError> {
        let sql = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 1)) AS is_so";
        Ok(statement(sql).bind::<Text, _>(work).flag(&mut self.conn).await?)
    }
}
