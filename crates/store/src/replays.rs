use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{WritebackId, WritebackState};
use jiff::Timestamp;
use jiff_diesel::ToDiesel as _;

use crate::schema::{pms_writeback_drops as dr, pms_writebacks as w};
use crate::statement::statement;
use crate::writebacks::{COLUMNS, Row, identity};
use crate::{StoreError, TenantTx, Writeback};

/// Of a write `q`: nobody has replayed it, and nobody has given it up.
pub(crate) const OPEN: &str = "NOT EXISTS (SELECT FROM pms_writebacks nx WHERE nx.replays = q.id) \
     AND NOT EXISTS (SELECT FROM pms_writeback_drops gone WHERE gone.writeback_id = q.id)";

/// Another try at a write that came to its end.
#[derive(Debug)]
pub struct NewReplay<'a> {
    /// Its id.
    pub id: WritebackId,
    /// What it tries again. Its row stays as it is.
    pub of: &'a Writeback,
    /// Where it starts: `queued`, `unknown` or `submitted`.
    pub state: WritebackState,
    /// What the vendor will see of it: the original's, wherever that may still be found under it.
    pub reference: &'a str,
    /// What that one waited for, or what was replayed in its place.
    pub depends_on: Option<WritebackId>,
    /// When nobody waits for it any longer.
    pub deadline_at: Timestamp,
    /// Who asked for it.
    pub by: &'a str,
}

impl TenantTx {
    /// The write that replays this one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replay_of(&mut self, id: WritebackId) -> Result<Option<WritebackId>, StoreError> {
        let found: Option<uuid::Uuid> =
            w::table.select(w::id).filter(w::replays.eq(id.uuid())).first(&mut self.conn).await.optional()?;
        Ok(found.map(WritebackId::from_uuid))
    }

    /// The last replay of the replays of this write; itself where there is none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn latest_try(&mut self, id: WritebackId) -> Result<Writeback, StoreError> {
        let row: Row = statement(format!(
            "WITH RECURSIVE tries AS (
                 SELECT {COLUMNS}, 0 AS depth FROM pms_writebacks WHERE id = $1
                 UNION ALL
                 SELECT {}, depth + 1 FROM pms_writebacks n JOIN tries t ON n.replays = t.id)
             SELECT {COLUMNS} FROM tries ORDER BY depth DESC LIMIT 1",
            COLUMNS.split(", ").map(|name| format!("n.{}", name.trim())).collect::<Vec<_>>().join(", "),
        ))
        .bind::<SqlUuid, _>(id.uuid())
        .get_result(&mut self.conn)
        .await?;
        self.read(row)
    }

    /// Whether staff gave the write up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_dropped(&mut self, id: WritebackId) -> Result<bool, StoreError> {
        let drops = dr::table.filter(dr::writeback_id.eq(id.uuid()));
        Ok(diesel::select(diesel::dsl::exists(drops)).get_result(&mut self.conn).await?)
    }

    /// Which of these writes staff entered by hand, and when.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn entered_by_hand(
        &mut self,
        writes: &[Writeback],
    ) -> Result<BTreeMap<WritebackId, Timestamp>, StoreError> {
        let is_over =
            |write: &&Writeback| matches!(write.state, WritebackState::Failed | WritebackState::Parked);
        let ids: Vec<uuid::Uuid> = writes.iter().filter(is_over).map(|write| write.id.uuid()).collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows: Vec<(uuid::Uuid, jiff_diesel::Timestamp)> = dr::table
            .select((dr::writeback_id, dr::dropped_at))
            .filter(dr::writeback_id.eq_any(ids).and(dr::outcome.eq("entered_by_hand")))
            .load(&mut self.conn)
            .await?;
        Ok(rows.into_iter().map(|(id, at)| (WritebackId::from_uuid(id), at.to_jiff())).collect())
    }

    /// Gives a write up, as `entered_by_hand` or `not_wanted`. The write itself stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when it was given up before.
    pub async fn add_drop(
        &mut self,
        id: WritebackId,
        outcome: &str,
        reason: &str,
        by: &str,
    ) -> Result<(), StoreError> {
        diesel::insert_into(dr::table)
            .values((
                dr::writeback_id.eq(id.uuid()),
                dr::tenant_id.eq(self.tenant.uuid()),
                dr::outcome.eq(outcome),
                dr::reason.eq(reason),
                dr::dropped_by.eq(by),
            ))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Writes another try at `new.of` down, with what is known of that one where it starts behind the
    /// sending.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the rule `pms_writebacks_replayed_once` when somebody was first; the
    /// transaction is then lost.
    pub async fn add_replay(&mut self, new: &NewReplay<'_>) -> Result<(), StoreError> {
        let payload = self.store.keys.seal(&identity(new.id.uuid()), new.of.payload.expose())?;
        let is_sent = new.state != WritebackState::Queued;
        let known = |at: Option<Timestamp>| at.filter(|_| is_sent).map(|at| at.to_diesel());
        diesel::insert_into(w::table)
            .values((
                w::id.eq(new.id.uuid()),
                w::tenant_id.eq(self.tenant.uuid()),
                w::connection_id.eq(new.of.connection.uuid()),
                w::operation.eq(&new.of.operation),
                w::payload.eq(payload.as_bytes()),
                w::fingerprint.eq(&new.of.fingerprint),
                w::reference.eq(new.reference),
                w::state.eq(new.state.as_str()),
                w::reason.eq("replayed"),
                w::receipt.eq(new.of.receipt.as_deref().filter(|_| new.state == WritebackState::Submitted)),
                w::depends_on.eq(new.depends_on.map(WritebackId::uuid)),
                w::deadline_at.eq(new.deadline_at.to_diesel()),
                w::about_at.eq(new.of.about_at.map(|at| at.to_diesel())),
                w::first_sent_at.eq(known(new.of.first_sent_at)),
                w::last_sent_at.eq(known(new.of.last_sent_at)),
                w::replays.eq(new.of.id.uuid()),
                w::replayed_by.eq(new.by),
            ))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// The write that holds time which `id` holds or held.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn time_taken_by(&mut self, id: WritebackId) -> Result<Option<WritebackId>, StoreError> {
        let found = statement(
            "SELECT o.writeback_id AS id FROM slot_holds h JOIN slot_holds o
                 ON o.calendar = h.calendar AND o.kind = h.kind AND o.vendor_id = h.vendor_id AND o.booking <> h.booking
                AND o.starts_at < h.ends_at AND o.ends_at > h.starts_at
             WHERE h.writeback_id = $1 AND o.writeback_id <> $1 AND o.released_at IS NULL
             ORDER BY o.id LIMIT 1",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .ids(&mut self.conn)
        .await?;
        Ok(found.into_iter().next().map(WritebackId::from_uuid))
    }

    /// Lets what waits for `from` wait for `to` in its place.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pass_dependents_on(&mut self, from: WritebackId, to: WritebackId) -> Result<(), StoreError> {
        diesel::update(w::table.filter(w::depends_on.eq(from.uuid())).filter(w::state.eq("queued")))
            .set(w::depends_on.eq(to.uuid()))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Has a write waited for until `until` at least, and with it whatever it waits for itself. What is over stays as
    /// it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn wait_longer(&mut self, id: WritebackId, until: Timestamp) -> Result<(), StoreError> {
        statement(
            "WITH RECURSIVE line AS (
                 SELECT id, depends_on FROM pms_writebacks WHERE id = $1
                 UNION ALL
                 SELECT o.id, o.depends_on FROM pms_writebacks o JOIN line l ON o.id = l.depends_on)
             UPDATE pms_writebacks SET deadline_at = $2, updated_at = now()
             WHERE id IN (SELECT id FROM line) AND deadline_at < $2
               AND state IN ('queued', 'sending', 'unknown', 'submitted')",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .bind::<Timestamptz, _>(until.to_diesel())
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// In how many nights the wish behind this write was tried again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn nights_of(&mut self, id: WritebackId) -> Result<i64, StoreError> {
        Ok(statement(
            "WITH RECURSIVE tries AS (
                 SELECT id, replays, replayed_by FROM pms_writebacks WHERE id = $1
                 UNION ALL
                 SELECT o.id, o.replays, o.replayed_by FROM pms_writebacks o JOIN tries t ON o.id = t.replays)
             SELECT count(*) AS number FROM tries WHERE replayed_by = 'night'",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .number(&mut self.conn)
        .await?)
    }

    /// Holds the time again that `id` gave back. Whoever calls this has seen, under the connection's lock, that
    /// nobody else has it.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the rule `slot_holds_one_wins` when another has it; the transaction is
    /// then lost.
    pub async fn hold_again(&mut self, id: WritebackId) -> Result<(), StoreError> {
        statement(
            "UPDATE slot_holds SET released_at = NULL, seen_at = NULL
             WHERE writeback_id = $1 AND released_at IS NOT NULL AND ends_at > now()",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// Gives the time that `from` holds, or held, to `to`.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the rule `slot_holds_one_wins` when another has it; the transaction is
    /// then lost.
    pub async fn pass_holds_on(&mut self, from: WritebackId, to: WritebackId) -> Result<(), StoreError> {
        statement(
            "UPDATE slot_holds SET writeback_id = $2, released_at = NULL, seen_at = NULL WHERE writeback_id = $1",
        )
        .bind::<SqlUuid, _>(from.uuid())
        .bind::<SqlUuid, _>(to.uuid())
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }
}
