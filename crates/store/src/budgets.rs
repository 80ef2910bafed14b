use diesel::prelude::*;
use diesel::sql_types::{Bool, Double, Integer, Nullable, Uuid as SqlUuid};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection as _};
use domain::{ConnectionId, TenantId};

use crate::statement::statement;
use crate::{Store, StoreError, TenantTx};

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

impl Store {
    /// Takes one request out of the bucket of the connection's office, which all its locations share. Exact, however many
    /// replicas ask: the row is locked while it is counted. A transaction of its own in one round trip: it comes before
    /// each request to a vendor. Where whoever asks gives up, or the connection dies, one too many may be counted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_request(
        &self,
        tenant: TenantId,
        id: ConnectionId,
        first_most: i32,
    ) -> Result<BudgetUse, StoreError> {
        self.check_keys().await?;
        let mut retries = self.retries();
        loop {
            let mut conn = self.connection().await?;
            let used = statement("SELECT * FROM pms_take_request($1, $2, $3)")
                .bind::<SqlUuid, _>(tenant.uuid())
                .bind::<SqlUuid, _>(id.uuid())
                .bind::<Integer, _>(first_most)
                .get_result(&mut conn)
                .await
                .map_err(StoreError::from);
            match used {
                // Answered once the connection is known to be dead: the next one is another.
                Err(error) if retries.may_help(&error) => {
                    conn.batch_execute("ROLLBACK").await.ok();
                }
                used => return used,
            }
        }
    }
}

impl TenantTx {
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
