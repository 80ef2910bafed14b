use diesel::prelude::*;
use diesel::sql_types::{Bool, Double, Integer, Nullable, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::ConnectionId;

use crate::{StoreError, TenantTx};

/// How a connection's budget answered a request for a place in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetUse {
    /// Whether the request may be made.
    pub admitted: bool,
    /// How many requests any 60 s may see.
    pub most: i32,
    /// Seconds until the next place; 0 when admitted.
    pub wait_s: f64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Bool)]
    admitted: bool,
    #[diesel(sql_type = Integer)]
    most: i32,
    #[diesel(sql_type = Double)]
    wait_s: f64,
}

impl TenantTx {
    /// Takes one request out of the connection's bucket. Exact, however many replicas ask: the row
    /// is locked while it is counted, and stays so until this transaction ends.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_request(&mut self, id: ConnectionId, first_most: i32) -> Result<BudgetUse, StoreError> {
        let row: Row = diesel::sql_query(
            "INSERT INTO pms_request_budgets AS b (connection_id, tenant_id, most, tokens)
             VALUES ($1, $2, $3, greatest($3 / 2.0, 1) - 1)
             ON CONFLICT (connection_id) DO UPDATE SET
                 (tokens, admitted, refilled_at) = (
                     SELECT CASE WHEN open AND have >= 1 THEN have - 1 ELSE have END,
                            open AND have >= 1,
                            greatest(b.refilled_at, now())
                     FROM (SELECT least(greatest(b.most / 2.0, 1), b.tokens + b.most / 120.0
                                * greatest(0, extract(epoch FROM now() - b.refilled_at)::float8)) AS have,
                            coalesce(b.closed_until <= now(), true) AS open) bucket)
             RETURNING admitted, most,
                 CASE WHEN admitted THEN 0 ELSE greatest(
                     (1 - tokens) / (most / 120.0),
                     coalesce(extract(epoch FROM closed_until - now())::float8, 0), 0.01) END AS wait_s",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .bind::<SqlUuid, _>(self.tenant.uuid())
        .bind::<Integer, _>(first_most)
        .get_result(&mut self.conn)
        .await?;
        Ok(BudgetUse { admitted: row.admitted, most: row.most, wait_s: row.wait_s })
    }

    /// Records what the vendor advertises and the share of it we allow ourselves. `closed_for_s`:
    /// the vendor's own window is used up for so long.
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
        diesel::sql_query(
            "UPDATE pms_request_budgets SET advertised = $2, most = $3,
                 tokens = least(tokens, greatest($3 / 2.0, 1)),
                 closed_until = CASE WHEN $4 IS NULL THEN closed_until
                     ELSE now() + make_interval(secs => $4) END
             WHERE connection_id = $1",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .bind::<Integer, _>(advertised)
        .bind::<Integer, _>(most)
        .bind::<Nullable<Double>, _>(closed_for_s)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }
}
