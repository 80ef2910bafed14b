use diesel::sql_types::{Double, Integer, Nullable, Text};
use diesel_async::RunQueryDsl;

use crate::statement::statement;
use crate::{BudgetUse, MachineryTx, StoreError};

impl MachineryTx {
    /// Takes one request out of the bucket of what is asked in the application's own name. Exact, however many processes
    /// ask. A fifth of a minute's may leave at once and four fifths come back over each minute, where of an office's it
    /// is half and half: no caller waits for these, and what is lost is looked for by them all the time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_application_request(
        &mut self,
        vendor: &str,
        first_most: i32,
    ) -> Result<BudgetUse, StoreError> {
        Ok(statement(
            "INSERT INTO application_budgets AS b (vendor, most, tokens) VALUES ($1, $2, greatest($2 / 5.0, 1) - 1)
             ON CONFLICT (vendor) DO UPDATE SET (tokens, admitted, refilled_at) = (
                 SELECT have - may::int, may, greatest(b.refilled_at, now())
                 FROM (SELECT have, have >= 1 AND coalesce(b.closed_until <= now(), true) AS may
                     FROM (SELECT least(greatest(b.most / 5.0, 1), b.tokens + b.most / 75.0
                         * greatest(0, extract(epoch FROM now() - b.refilled_at)::float8)) AS have) bucket) asked)
             RETURNING admitted, most, CASE WHEN admitted THEN 0 ELSE greatest((1 - tokens) / (most / 75.0),
                 coalesce(extract(epoch FROM closed_until - now())::float8, 0), 0.01) END AS wait_s",
        )
        .bind::<Text, _>(vendor)
        .bind::<Integer, _>(first_most)
        .get_result(&mut self.conn)
        .await?)
    }

    /// Records how many requests in the application's own name we allow ourselves. `closed_for_s`: the vendor's own
    /// window is used up for so long.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn application_limit(
        &mut self,
        vendor: &str,
        most: i32,
        closed_for_s: Option<f64>,
    ) -> Result<(), StoreError> {
        statement(
            "UPDATE application_budgets SET most = $2, tokens = least(greatest($2 / 5.0, 1), tokens),
                 closed_until = CASE WHEN $3 IS NULL THEN closed_until
                     ELSE greatest(closed_until, now() + make_interval(secs => $3)) END
             WHERE vendor = $1",
        )
        .bind::<Text, _>(vendor)
        .bind::<Integer, _>(most)
        .bind::<Nullable<Double>, _>(closed_for_s)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }
}
