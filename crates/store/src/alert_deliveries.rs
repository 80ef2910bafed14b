use diesel::prelude::*;
use diesel::sql_types::{
    BigInt, Binary, Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{AlertDeliveryId, AlertDestinationId, AlertId};
use jiff::Timestamp;
use jiff_diesel::NullableTimestamp;
use seal::Secret;
use uuid::Uuid;

use crate::schema::alert_deliveries as q;
use crate::statement::statement;
use crate::{Alert, MachineryTx, StoreError, TenantTx, alerts};

/// What is told about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertNews {
    /// Somebody should look.
    Raised,
    /// Nobody needs to look any longer.
    Resolved,
}

impl AlertNews {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Resolved => "resolved",
        }
    }

    fn read(word: &str) -> Result<Self, StoreError> {
        match word {
            "raised" => Ok(Self::Raised),
            "resolved" => Ok(Self::Resolved),
            _ => Err(StoreError::Unreadable("alert_deliveries.news")),
        }
    }
}

/// One piece of news for one place, as it stands.
#[derive(Debug, Clone)]
pub struct AlertDelivery {
    /// Which.
    pub id: AlertDeliveryId,
    /// What is told.
    pub news: AlertNews,
    /// Where; none: the operator's own channel.
    pub destination: Option<AlertDestinationId>,
    /// `waiting`, `sent` or `parked`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i32,
    /// Why it waits or is parked.
    pub reason: Option<String>,
    /// When it is tried next, or was to be.
    pub next_at: Timestamp,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
}

/// One piece of news claimed for sending.
#[derive(Debug, Clone)]
pub struct AlertMail {
    /// Which: the same at every try, so that a receiver knows a repeat.
    pub id: AlertDeliveryId,
    /// What is told.
    pub news: AlertNews,
    /// About what.
    pub alert: Alert,
    /// The tenant's name in URLs.
    pub tenant_slug: Option<String>,
    /// Where, and what to sign with; none: the operator's own channel.
    pub destination: Option<(Secret, Secret)>,
    /// Nobody wants it there any longer, or its URL opens with no key we have.
    pub unwanted: Option<&'static str>,
    /// The number of this try, from 1.
    pub attempt: i32,
}

/// Which deliveries are claimed: a place that does not answer holds up others of its lane alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertLane {
    /// Those to the operator's own channel.
    Operator,
    /// Those to tenants' webhooks, of each tenant so many at a time.
    Webhooks {
        /// Of one tenant, with those that are on their way already.
        each: i64,
    },
}

/// How one try of a delivery ended.
#[derive(Debug, Clone, Copy)]
pub enum DeliveryEnd<'a> {
    /// It arrived.
    Sent,
    /// It is tried again after so many seconds.
    Again(f64, &'a str),
    /// It is set aside.
    Parked(&'a str),
}

#[derive(QueryableByName)]
struct Claimed {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    alert_id: Uuid,
    #[diesel(sql_type = Text)]
    news: String,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Nullable<Text>)]
    slug: Option<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    destination_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Binary>)]
    url: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    secret: Option<Vec<u8>>,
    #[diesel(sql_type = Bool)]
    removed: bool,
}

impl MachineryTx {
    /// Writes the deliveries down that open and closed alerts still lack: one a place. `operator`: the operator has a
    /// channel of its own. Returns how many alerts were looked at.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn spread_alerts(&mut self, operator: bool) -> Result<usize, StoreError> {
        let which = "told_raised_at IS NULL";
        let raised = self.spread(AlertNews::Raised, "told_raised_at", which, operator).await?;
        let which = "told_cleared_at IS NULL AND cleared_at IS NOT NULL AND told_raised_at IS NOT NULL";
        Ok(raised + self.spread(AlertNews::Resolved, "told_cleared_at", which, operator).await?)
    }

    async fn spread(
        &mut self,
        news: AlertNews,
        told: &str,
        which: &str,
        operator: bool,
    ) -> Result<usize, StoreError> {
        #[derive(QueryableByName)]
        struct Untold {
            #[diesel(sql_type = SqlUuid)]
            id: Uuid,
            #[diesel(sql_type = Nullable<SqlUuid>)]
            tenant_id: Option<Uuid>,
        }
        #[derive(QueryableByName)]
        struct Place {
            #[diesel(sql_type = Nullable<SqlUuid>)]
            id: Option<Uuid>,
        }
        // Whoever did not hear of it need not hear that it is over.
        let places = match news {
            AlertNews::Raised => {
                "SELECT id FROM alert_destinations WHERE tenant_id = $2 AND removed_at IS NULL
                 UNION ALL SELECT NULL WHERE $3 AND $1 IS NOT NULL"
            }
            AlertNews::Resolved => {
                "SELECT q.destination_id AS id FROM alert_deliveries q
                 LEFT JOIN alert_destinations d ON d.id = q.destination_id
                 WHERE q.alert_id = $1 AND q.news = 'raised' AND q.tenant_id IS NOT DISTINCT FROM $2
                   AND CASE WHEN q.destination_id IS NULL THEN $3 ELSE d.removed_at IS NULL END"
            }
        };
        let untold: Vec<Untold> = statement(format!(
            "WITH untold AS MATERIALIZED (
                 SELECT id AS untold FROM alerts WHERE {which} ORDER BY raised_at LIMIT 200
                 FOR UPDATE SKIP LOCKED)
             UPDATE alerts SET {told} = now() FROM untold WHERE id = untold
             RETURNING id, tenant_id"
        ))
        .load(&mut self.conn)
        .await?;
        for one in &untold {
            let places: Vec<Place> = statement(places)
                .bind::<SqlUuid, _>(one.id)
                .bind::<Nullable<SqlUuid>, _>(one.tenant_id)
                .bind::<Bool, _>(operator)
                .load(&mut self.conn)
                .await?;
            for Place { id: place } in places {
                diesel::insert_into(q::table)
                    .values((
                        q::id.eq(AlertDeliveryId::new().uuid()),
                        q::tenant_id.eq(one.tenant_id),
                        q::alert_id.eq(one.id),
                        q::news.eq(news.as_str()),
                        q::destination_id.eq(place),
                    ))
                    .on_conflict_do_nothing()
                    .execute(&mut self.conn)
                    .await?;
            }
        }
        Ok(untold.len())
    }

    /// Claims up to `most` deliveries of a lane that are due, for `seconds`. That an alert is resolved is never told
    /// before that it was raised.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_alert_mail(
        &mut self,
        lane: AlertLane,
        most: i64,
        seconds: f64,
    ) -> Result<Vec<AlertMail>, StoreError> {
        let (operator, each) = match lane {
            AlertLane::Operator => (true, i64::MAX),
            AlertLane::Webhooks { each } => (false, each),
        };
        let claimed: Vec<Claimed> = statement(
            "WITH ready AS MATERIALIZED (
                 SELECT id, row_number() OVER (PARTITION BY tenant_id ORDER BY next_at, id) + (
                     SELECT count(*) FROM alert_deliveries f WHERE f.tenant_id = q.tenant_id
                       AND f.state = 'waiting' AND f.lease_until >= now()
                       AND (f.destination_id IS NULL) = $3) AS nth
                 FROM alert_deliveries q WHERE state = 'waiting' AND next_at <= now()
                   AND (lease_until IS NULL OR lease_until < now()) AND (destination_id IS NULL) = $3
                   AND (news = 'raised' OR NOT EXISTS (
                       SELECT FROM alert_deliveries e WHERE e.alert_id = q.alert_id AND e.news = 'raised'
                         AND e.destination_id IS NOT DISTINCT FROM q.destination_id AND e.state = 'waiting'))),
             due AS MATERIALIZED (
                 SELECT id AS due FROM alert_deliveries WHERE id IN (SELECT id FROM ready WHERE nth <= $4)
                   AND state = 'waiting' AND next_at <= now() AND (lease_until IS NULL OR lease_until < now())
                 ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED),
             claimed AS (
                 UPDATE alert_deliveries SET lease_until = now() + make_interval(secs => $2),
                     attempts = attempts + 1
                 FROM due WHERE id = due
                 RETURNING id, tenant_id, alert_id, news, attempts, destination_id)
             SELECT q.id, q.alert_id, q.news, q.attempts, t.slug, q.destination_id, d.url, d.secret,
                 d.removed_at IS NOT NULL AS removed
             FROM claimed q LEFT JOIN tenants t ON t.id = q.tenant_id
             LEFT JOIN alert_destinations d ON d.id = q.destination_id ORDER BY q.id",
        )
        .bind::<BigInt, _>(most)
        .bind::<Double, _>(seconds)
        .bind::<Bool, _>(operator)
        .bind::<BigInt, _>(each)
        .load(&mut self.conn)
        .await?;
        let mut mail = Vec::with_capacity(claimed.len());
        for row in claimed {
            let alert = alerts::one(&mut self.conn, AlertId::from_uuid(row.alert_id)).await?;
            let (destination, unwanted) = self.opened(&row);
            mail.push(AlertMail {
                id: AlertDeliveryId::from_uuid(row.id),
                news: AlertNews::read(&row.news)?,
                alert,
                tenant_slug: row.slug,
                destination,
                unwanted,
                attempt: row.attempts,
            });
        }
        Ok(mail)
    }

    /// One destination that does not open must not hold up the rest.
    fn opened(&self, row: &Claimed) -> (Option<(Secret, Secret)>, Option<&'static str>) {
        let Some(id) = row.destination_id else { return (None, None) };
        if row.removed {
            return (None, Some("the destination was removed"));
        }
        let open = |column: &str, sealed: &Option<Vec<u8>>| {
            self.store.open_destination(id, column, sealed.clone().unwrap_or_default()).ok()
        };
        match open("url", &row.url).zip(open("secret", &row.secret)) {
            Some(destination) => (Some(destination), None),
            None => (None, Some("its URL is sealed with a key that is not in ENCRYPTION_KEY")),
        }
    }

    /// Notes how a try ended. False: its lease was over, and somebody else has it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn alert_mail_ended(
        &mut self,
        id: AlertDeliveryId,
        attempt: i32,
        end: DeliveryEnd<'_>,
    ) -> Result<bool, StoreError> {
        let (state, reason, wait) = match end {
            DeliveryEnd::Sent => ("sent", None, 0.0),
            DeliveryEnd::Again(seconds, reason) => ("waiting", Some(reason), seconds),
            DeliveryEnd::Parked(reason) => ("parked", Some(reason), 0.0),
        };
        let noted = statement(
            "UPDATE alert_deliveries SET state = $3, reason = $4, lease_until = NULL,
                 next_at = now() + make_interval(secs => $5),
                 ended_at = CASE WHEN $3 = 'waiting' THEN NULL ELSE now() END
             WHERE id = $1 AND attempts = $2 AND state = 'waiting'",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .bind::<Integer, _>(attempt)
        .bind::<Text, _>(state)
        .bind::<Nullable<Text>, _>(reason)
        .bind::<Double, _>(wait)
        .execute(&mut self.conn)
        .await?;
        Ok(noted == 1)
    }

    /// Sends parked deliveries of an alert on their way once more. How many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retry_alert_mail(&mut self, alert: AlertId) -> Result<usize, StoreError> {
        Ok(statement(
            "UPDATE alert_deliveries SET state = 'waiting', attempts = 0, next_at = now(), ended_at = NULL
             WHERE alert_id = $1 AND state = 'parked'",
        )
        .bind::<SqlUuid, _>(alert.uuid())
        .execute(&mut self.conn)
        .await?)
    }

    /// Where an alert was sent, or is on its way to.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn alert_deliveries(&mut self, alert: AlertId) -> Result<Vec<AlertDelivery>, StoreError> {
        deliveries(&mut self.conn, alert).await
    }

    /// How many deliveries were given up on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn parked_alert_mail(&mut self) -> Result<i64, StoreError> {
        Ok(q::table.filter(q::state.eq("parked")).count().get_result(&mut self.conn).await?)
    }
}

impl TenantTx {
    /// Where one of the tenant's alerts was sent, or is on its way to.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn alert_deliveries(&mut self, alert: AlertId) -> Result<Vec<AlertDelivery>, StoreError> {
        deliveries(&mut self.conn, alert).await
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    news: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    destination_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Timestamptz, deserialize_as = jiff_diesel::Timestamp)]
    next_at: Timestamp,
    #[diesel(sql_type = Nullable<Timestamptz>, deserialize_as = NullableTimestamp)]
    ended_at: Option<Timestamp>,
}

async fn deliveries(conn: &mut AsyncPgConnection, alert: AlertId) -> Result<Vec<AlertDelivery>, StoreError> {
    let rows: Vec<Row> = statement(
        "SELECT id, news, destination_id, state, attempts, reason, next_at, ended_at
         FROM alert_deliveries WHERE alert_id = $1 ORDER BY id",
    )
    .bind::<SqlUuid, _>(alert.uuid())
    .load(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(AlertDelivery {
                id: AlertDeliveryId::from_uuid(row.id),
                news: AlertNews::read(&row.news)?,
                destination: row.destination_id.map(AlertDestinationId::from_uuid),
                state: row.state,
                attempts: row.attempts,
                reason: row.reason,
                next_at: row.next_at,
                ended_at: row.ended_at,
            })
        })
        .collect()
}
