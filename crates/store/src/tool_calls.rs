use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Double, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::Sensitive;
use seal::Sealed;

use crate::statement::statement;
use crate::{StoreError, TenantTx};

/// Which tool call: the same one, repeated, has the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCallKey {
    /// The voice vendor's call, or `rest:` and an API key.
    pub call_id: String,
    /// The tool call, or the `Idempotency-Key`.
    pub tool_call_id: String,
}

impl ToolCallKey {
    fn identity(&self, tenant: uuid::Uuid) -> String {
        format!("tool_calls/{tenant}/{}/{}", self.call_id, self.tool_call_id)
    }
}

/// One claim's right to run a tool call: worth nothing once another claim has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolRun(uuid::Uuid);

/// What a claim on a tool call found.
#[derive(Debug, Clone)]
pub enum ToolCallClaim {
    /// It is the caller's to run.
    Run(ToolRun),
    /// Another runs it now.
    Running,
    /// It was run; this is its answer.
    Answered(Sensitive<Vec<u8>>),
    /// The key was used for something else.
    Different,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    tool: String,
    #[diesel(sql_type = Binary)]
    arguments_hash: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    answer: Option<Vec<u8>>,
}

impl TenantTx {
    /// Claims the right to run a tool call for `lease_s` seconds. Of any number at once, one gets it;
    /// a runner that died loses it with its lease.
    ///
    /// `hashes` are of what it was called with: a keyed hash first, which is stored, and then what an older version
    /// or an older key would have stored, which still counts as the same.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_tool_call(
        &mut self,
        key: &ToolCallKey,
        tool: &str,
        hashes: &[[u8; 32]],
        lease_s: f64,
    ) -> Result<ToolCallClaim, StoreError> {
        let run = ToolRun(uuid::Uuid::now_v7());
        let all: Vec<&[u8]> = hashes.iter().map(<[u8; 32]>::as_slice).collect();
        let arguments_hash = all.as_slice().first().copied().unwrap_or_default();
        let claimed = statement(
            "INSERT INTO tool_calls AS t
                 (tenant_id, call_id, tool_call_id, tool, arguments_hash, lease_until, runner)
             VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6), $7)
             ON CONFLICT (tenant_id, call_id, tool_call_id)
             DO UPDATE SET lease_until = EXCLUDED.lease_until, runner = EXCLUDED.runner,
                           arguments_hash = EXCLUDED.arguments_hash
             WHERE t.finished_at IS NULL AND t.lease_until < now()
               AND t.tool = EXCLUDED.tool AND t.arguments_hash = ANY($8)",
        )
        .bind::<SqlUuid, _>(self.tenant.uuid())
        .bind::<Text, _>(&key.call_id)
        .bind::<Text, _>(&key.tool_call_id)
        .bind::<Text, _>(tool)
        .bind::<Binary, _>(arguments_hash)
        .bind::<Double, _>(lease_s)
        .bind::<SqlUuid, _>(run.0)
        .bind::<Array<Binary>, _>(&all)
        .execute(&mut self.conn)
        .await?;
        if claimed == 1 {
            return Ok(ToolCallClaim::Run(run));
        }
        let row: Row = statement(
            "SELECT tool, arguments_hash, answer FROM tool_calls WHERE call_id = $1 AND tool_call_id = $2",
        )
        .bind::<Text, _>(&key.call_id)
        .bind::<Text, _>(&key.tool_call_id)
        .get_result(&mut self.conn)
        .await?;
        if row.tool != tool || !all.contains(&row.arguments_hash.as_slice()) {
            return Ok(ToolCallClaim::Different);
        }
        match row.answer {
            Some(sealed) => {
                let identity = key.identity(self.tenant.uuid());
                let answer = self.store.keys.open(&identity, &Sealed::from_bytes(sealed))?;
                Ok(ToolCallClaim::Answered(answer.into()))
            }
            None => Ok(ToolCallClaim::Running),
        }
    }

    /// Stores the answer for every repeat to come. A runner that lost its lease to another and comes late
    /// changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn answer_tool_call(
        &mut self,
        key: &ToolCallKey,
        run: ToolRun,
        status: &str,
        code: &str,
        answer: &[u8],
        ms: i32,
    ) -> Result<(), StoreError> {
        let sealed = self.store.keys.seal(&key.identity(self.tenant.uuid()), answer)?;
        statement(
            "UPDATE tool_calls SET status = $4, code = nullif($5, ''), answer = $6, ms = $7, finished_at = now()
             WHERE call_id = $1 AND tool_call_id = $2 AND runner = $3 AND finished_at IS NULL",
        )
        .bind::<Text, _>(&key.call_id)
        .bind::<Text, _>(&key.tool_call_id)
        .bind::<SqlUuid, _>(run.0)
        .bind::<Text, _>(status)
        .bind::<Text, _>(code)
        .bind::<Binary, _>(sealed.as_bytes())
        .bind::<Integer, _>(ms)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// Gives a tool call back unanswered, so that a repeat may run it: for answers that say nothing
    /// but "not now".
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn give_back_tool_call(&mut self, key: &ToolCallKey, run: ToolRun) -> Result<(), StoreError> {
        statement(
            "UPDATE tool_calls SET lease_until = now() - interval '1 second'
             WHERE call_id = $1 AND tool_call_id = $2 AND runner = $3 AND finished_at IS NULL",
        )
        .bind::<Text, _>(&key.call_id)
        .bind::<Text, _>(&key.tool_call_id)
        .bind::<SqlUuid, _>(run.0)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }
}
