use diesel::prelude::*;
use diesel::sql_types::{Bool, Double, Integer, Nullable, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::ConnectionId;

use crate::statement::statement;
use crate::{StoreError, TenantTx};

/// How an office's budget answered a request for a place in it.
#[derive(Debug, Clone, Copy, PartialEq, QueryableByName)]
pub struct BudgetUse {
    /// Whether the request may be made.
    #[diesel(sql_type = Bool)]
    pub admitted: bool,
    /// How many requests any 60 s may see.
    #[diesel(sql_type = Integer)]
    pub most: i32,
    /// Seconds until the next place; 0 when admitted.
    #[diesel(sql_type = Double)]
    pub wait_s: f64,
}

impl TenantTx {
    /// Takes one request out of the bucket of the connection's office, which all its locations share. Exact, however many replicas ask: the row
    /// is locked while it is counted, and stays so until this transaction ends.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_request(&mut self, id: ConnectionId, first_most: i32) -> Result<BudgetUse, StoreError> {
        Ok(statement(
            "INSERT INTO pms_request_budgets AS b (connection_id, tenant_id, most, tokens, minute_used, day_used)
             VALUES (pms_budget_of($1), $2, $3, greatest($3 / 2.0, 1) - 1, 1, 1)
             ON CONFLICT (connection_id) DO UPDATE SET
                 (tokens, admitted, refilled_at, minute_start, minute_used, day_start, day_used,
                  reached_80_at, reached_93_at, reached_100_at) = (
                     SELECT have - may::int, may, greatest(b.refilled_at, now()),
                            minute, minute_had + may::int, day, day_had + may::int,
                            CASE WHEN share >= 0.80 THEN now() ELSE b.reached_80_at END,
                            CASE WHEN share >= 0.93 THEN now() ELSE b.reached_93_at END,
                            CASE WHEN may THEN b.reached_100_at ELSE now() END
                     FROM (SELECT *, CASE WHEN NOT may THEN 1 ELSE greatest(
                                (minute_had + 1.0) / b.most,
                                (greatest(b.most / 2.0, 1) - have + 1) / b.most,
                                (day_had + 1.0) / b.day_most) END AS share
                        FROM (SELECT *, open AND have >= 1 AND (b.day_most IS NULL OR day_had < b.day_most) AS may
                           FROM (SELECT least(greatest(b.most / 2.0, 1), b.tokens + b.most / 120.0
                                   * greatest(0, extract(epoch FROM now() - b.refilled_at)::float8)) AS have,
                                coalesce(b.closed_until <= now(), true) AS open,
                                date_trunc('minute', now()) AS minute,
                                CASE WHEN b.minute_start = date_trunc('minute', now())
                                    THEN b.minute_used ELSE 0 END AS minute_had,
                                date_trunc('day', now(), 'UTC') AS day,
                                CASE WHEN b.day_start = date_trunc('day', now(), 'UTC')
                                    THEN b.day_used ELSE 0 END AS day_had) bucket) asked) shared)
             RETURNING admitted, most,
                 CASE WHEN admitted THEN 0
                     WHEN day_used >= day_most
                         THEN extract(epoch FROM day_start + interval '1 day' - now())::float8
                     ELSE greatest(
                         (1 - tokens) / (most / 120.0),
                         coalesce(extract(epoch FROM closed_until - now())::float8, 0), 0.01) END AS wait_s",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .bind::<SqlUuid, _>(self.tenant.uuid())
        .bind::<Integer, _>(first_most)
        .get_result(&mut self.conn)
        .await?)
    }

    /// Records what the vendor advertises and the share of it we allow ourselves. What it says first takes the place of
    /// our cautious guess, as if it had been known from the start. `closed_for_s`: the vendor's own window is used up for
    /// so long.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn budget_advertised(
        &mut self,
        id: ConnectionId,
        advertised: i32,
        most: i32,
        closed_for_s: Option<f64>,
    ) -> Result<(), StoreError> {
        statement(
            "UPDATE pms_request_budgets SET advertised = $2, most = $3,
                 tokens = least(greatest($3 / 2.0, 1), tokens
                     + CASE WHEN advertised IS NULL AND $4 IS NULL AND coalesce(closed_until <= now(), true)
                         THEN greatest($3 - most, 0) / 2.0 ELSE 0 END),
                 closed_until = CASE WHEN $4 IS NULL THEN closed_until
                     ELSE greatest(closed_until, now() + make_interval(secs => $4)) END
             WHERE connection_id = pms_budget_of($1)",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .bind::<Integer, _>(advertised)
        .bind::<Integer, _>(most)
        .bind::<Nullable<Double>, _>(closed_for_s)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// Records that the vendor answers nothing more today: no request leaves for `seconds`. The one that leaves then
    /// asks whether the day is over; what comes behind it waits for its answer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn budget_day_spent(&mut self, id: ConnectionId, seconds: f64) -> Result<(), StoreError> {
        statement(
            "UPDATE pms_request_budgets SET day_spent_at = now(), reached_100_at = now(), tokens = 1,
                 closed_until = now() + make_interval(secs => $2),
                 refilled_at = now() + make_interval(secs => $2)
             WHERE connection_id = pms_budget_of($1)",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .bind::<Double, _>(seconds)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// Sets, or takes back, how many requests the connection's plan allows a day.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] before the connection's first request, or when it is another tenant's.
    pub async fn set_day_quota(&mut self, id: ConnectionId, most: Option<i32>) -> Result<(), StoreError> {
        let set =
            statement("UPDATE pms_request_budgets SET day_most = $2 WHERE connection_id = pms_budget_of($1)")
                .bind::<SqlUuid, _>(id.uuid())
                .bind::<Nullable<Integer>, _>(most)
                .execute(&mut self.conn)
                .await?;
        if set == 1 { Ok(()) } else { Err(StoreError::NotFound) }
    }
}
