use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::TenantId;
use serde_json::Value;

use crate::schema::tenants;
use crate::statement::statement;
use crate::{MachineryTx, StoreError, TenantTx};

impl TenantTx {
    /// Which tool asks the tenant's callers for which proof; `{}` is all strict.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn identity_rules(&mut self) -> Result<Value, StoreError> {
        Ok(tenants::table
            .select(tenants::identity_rules)
            .filter(tenants::id.eq(self.tenant.uuid()))
            .first(&mut self.conn)
            .await?)
    }

    /// Keeps that the caller of a call has shown, by `proof`, to be or to speak for each of `patients`. The
    /// greater proof stays while it counts: a conversation may outlive it.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a proof that is none.
    pub async fn prove(&mut self, call_id: &str, patients: &[&str], proof: &str) -> Result<(), StoreError> {
        statement(
            "INSERT INTO call_identities AS c (tenant_id, call_id, patient, proof)
             SELECT $1, $2, patient, $4 FROM unnest($3) AS patient
             ON CONFLICT (tenant_id, call_id, patient) DO UPDATE SET proof = EXCLUDED.proof, proven_at = now()
             WHERE c.proof <> 'name_and_birth' OR EXCLUDED.proof = 'name_and_birth'
                OR c.proven_at <= now() - interval '4 hours'",
        )
        .bind::<SqlUuid, _>(self.tenant.uuid())
        .bind::<Text, _>(call_id)
        .bind::<Array<Text>, _>(patients)
        .bind::<Text, _>(proof)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// The greatest proof the caller of a call has given for any of `patients` in the last four hours: longer than
    /// any call, and short enough for a number that is given to another call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn proof(&mut self, call_id: &str, patients: &[&str]) -> Result<Option<String>, StoreError> {
        Ok(statement(
            "SELECT proof AS word FROM call_identities
             WHERE call_id = $1 AND patient = ANY($2) AND proven_at > now() - interval '4 hours'
             ORDER BY proof = 'name_and_birth' DESC LIMIT 1",
        )
        .bind::<Text, _>(call_id)
        .bind::<Array<Text>, _>(patients)
        .word(&mut self.conn)
        .await?
        .flatten())
    }
}

impl TenantTx {
    /// How many different wrong guesses of who somebody is a call has had in the last four hours.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn guesses(&mut self, call_id: &str) -> Result<u32, StoreError> {
        let guesses = statement(
            "SELECT count(*) AS number FROM call_guesses
             WHERE call_id = $1 AND guessed_at > now() - interval '4 hours'",
        )
        .bind::<Text, _>(call_id)
        .number(&mut self.conn)
        .await?;
        Ok(u32::try_from(guesses).unwrap_or(u32::MAX))
    }

    /// Keeps a guess, the same one of a call only once; true: it is new. `guess` is a keyed hash: nothing of what was said can
    /// be read from it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn guessed(&mut self, call_id: &str, guess: &[u8]) -> Result<bool, StoreError> {
        let kept = statement(
            "INSERT INTO call_guesses (tenant_id, call_id, guess) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind::<SqlUuid, _>(self.tenant.uuid())
        .bind::<Text, _>(call_id)
        .bind::<Binary, _>(guess)
        .execute(&mut self.conn)
        .await?;
        Ok(kept > 0)
    }
}

/// What became of a guess that was to be counted before it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedGuess {
    /// It is counted now.
    Now,
    /// It was counted already.
    Before,
    /// The call has had its guesses; this one is not counted.
    TooMany,
}

impl TenantTx {
    /// Counts a guess that nobody has judged yet, unless the call has had `most` in the last four hours. One call's
    /// are counted one after the other: the lock lasts until the transaction ends, so nothing else belongs into it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn guessing(
        &mut self,
        call_id: &str,
        guess: &[u8],
        most: u32,
    ) -> Result<CountedGuess, StoreError> {
        statement("SELECT pg_advisory_xact_lock(hashtextextended($1 || ' guesses of ' || $2, 0))")
            .bind::<Text, _>(self.tenant.uuid().to_string())
            .bind::<Text, _>(call_id)
            .execute(&mut self.conn)
            .await?;
        // A statement of its own: it sees what was counted before the lock was given.
        let counted = statement(
            "WITH had AS (SELECT count(*) >= $4 AS too_many FROM call_guesses
                 WHERE call_id = $2 AND guessed_at > now() - interval '4 hours'),
             kept AS (INSERT INTO call_guesses (tenant_id, call_id, guess)
                 SELECT $1, $2, $3 FROM had WHERE NOT too_many ON CONFLICT DO NOTHING RETURNING guess)
             SELECT CASE WHEN too_many THEN 'too many' WHEN EXISTS (SELECT FROM kept) THEN 'now' END AS word FROM had",
        )
        .bind::<SqlUuid, _>(self.tenant.uuid())
        .bind::<Text, _>(call_id)
        .bind::<Binary, _>(guess)
        .bind::<BigInt, _>(i64::from(most))
        .word(&mut self.conn)
        .await?
        .flatten();
        Ok(match counted.as_deref() {
            Some("too many") => CountedGuess::TooMany,
            Some(_) => CountedGuess::Now,
            None => CountedGuess::Before,
        })
    }

    /// Takes back a guess that was not wrong.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn guessed_right(&mut self, call_id: &str, guess: &[u8]) -> Result<(), StoreError> {
        statement("DELETE FROM call_guesses WHERE call_id = $1 AND guess = $2")
            .bind::<Text, _>(call_id)
            .bind::<Binary, _>(guess)
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }
}

impl MachineryTx {
    /// Sets which tool asks a tenant's callers for which proof.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_identity_rules(&mut self, tenant: TenantId, rules: &Value) -> Result<(), StoreError> {
        diesel::update(tenants::table.filter(tenants::id.eq(tenant.uuid())))
            .set(tenants::identity_rules.eq(rules))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Forgets what callers have shown and guessed once it counts for nothing any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep_identities(&mut self) -> Result<usize, StoreError> {
        let guesses = statement("DELETE FROM call_guesses WHERE guessed_at < now() - interval '1 day'")
            .execute(&mut self.conn)
            .await?;
        let proofs = statement("DELETE FROM call_identities WHERE proven_at < now() - interval '1 day'")
            .execute(&mut self.conn)
            .await?;
        Ok(guesses + proofs)
    }
}
