use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::{SignedDuration, Timestamp};
use jiff_diesel::ToDiesel as _;
use seal::same_bytes;

use super::reading::Read;
use super::{AuditEnd, AuditFault, AuditReport};
use crate::schema::audit_looks as l;
use crate::{StoreError, TenantTx};

/// What was whole may have been changed since: so often a chain is read from its beginning.
const WHOLE_EVERY: SignedDuration = SignedDuration::from_hours(24);

impl TenantTx {
    /// Reads the tenant's chain from where it was last seen whole, and once a day from its beginning. Records may be
    /// added meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn look_at_audit(&mut self) -> Result<AuditReport, StoreError> {
        let now = Timestamp::now();
        let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
        let seen = self.seen_whole(now).await?;
        let report = match seen {
            Some((from, _)) => self.verify_newest_audit(from).await?,
            None => self.verify_audit(None).await?,
        };
        if report.faults.is_empty() && report.end.sequence > 0 {
            let began_at = seen.map_or(now, |(_, began_at)| began_at);
            let hash = report.end.hash.as_deref().unwrap_or_default();
            let seen = (
                l::sequence.eq(report.end.sequence),
                l::began_at.eq(began_at.to_diesel()),
                l::seal.eq(self.look_seal(report.end.sequence, began_at, hash)),
            );
            diesel::insert_into(l::table)
                .values((l::tenant_id.eq(self.tenant.uuid()), seen.clone()))
                .on_conflict(l::tenant_id)
                .do_update()
                .set(seen)
                .execute(&mut self.conn)
                .await?;
        }
        Ok(report)
    }

    /// Up to which record the chain was seen whole, where that is still the same record, and when it was last read
    /// from its beginning, where that is not too long ago.
    async fn seen_whole(&mut self, now: Timestamp) -> Result<Option<(i64, Timestamp)>, StoreError> {
        let seen: Option<(i64, jiff_diesel::Timestamp, Vec<u8>)> = l::table
            .select((l::sequence, l::began_at, l::seal))
            .filter(l::tenant_id.eq(self.tenant.uuid()))
            .first(&mut self.conn)
            .await
            .optional()?;
        let Some((sequence, began_at, seal)) = seen else { return Ok(None) };
        let began_at = began_at.to_jiff();
        if now.duration_since(began_at) > WHOLE_EVERY {
            return Ok(None);
        }
        let there = self.audit_page(sequence.saturating_sub(1), 1).await?;
        let is_it = |read: &Read| {
            read.sequence() == sequence && same_bytes(&self.look_seal(sequence, began_at, read.hash()), &seal)
        };
        Ok(there.iter().any(is_it).then_some((sequence, began_at)))
    }

    fn look_seal(&self, sequence: i64, began_at: Timestamp, hash: &[u8]) -> Vec<u8> {
        let (tenant, began_at) = (self.tenant.uuid(), began_at.as_microsecond().to_be_bytes());
        self.store.audit_key().sign(&[b"look", tenant.as_bytes(), &sequence.to_be_bytes(), &began_at, hash])
    }

    /// Reads what comes after record `first`, which is there.
    async fn verify_newest_audit(&mut self, first: i64) -> Result<AuditReport, StoreError> {
        let mut faults = Vec::new();
        // In this order: no anchor is newer than its head.
        let anchors = self.audit_anchors(first).await?;
        let Some(head) = self.audit_head().await? else {
            // The records came with it, and no head goes again: it was taken away.
            return Ok(AuditReport {
                records: 0,
                end: AuditEnd::default(),
                faults: vec![AuditFault::HeadForged],
            });
        };
        if !anchors.iter().chain([&head]).all(|note| self.is_sealed(note)) {
            faults.push(AuditFault::HeadForged);
        }
        let (mut last, mut previous, mut checked, mut linked) = (first, Vec::new(), 0, false);
        let mut after = first - 1;
        while after < head.sequence {
            let mut page = self.audit_page(after, 1_000).await?;
            page.retain(|read| read.sequence() <= head.sequence);
            let Some(end) = page.last().map(Read::sequence) else { break };
            after = end;
            for read in page {
                let sequence = read.sequence();
                // The first is only there for the hash that the second is linked to.
                if sequence == first {
                    (previous, linked) = (read.into_hash(), true);
                    continue;
                }
                checked += 1;
                for missing in last + 1..sequence {
                    faults.push(AuditFault::Removed { sequence: missing });
                    linked = false;
                }
                let noted = anchors.iter().find(|note| note.sequence == sequence);
                let differs = noted.is_some_and(|note| !same_bytes(&note.hash, read.hash()));
                faults.extend(self.fault_of(&read, &previous, linked, differs));
                (last, previous, linked) = (sequence, read.into_hash(), true);
            }
        }
        let (ends_at, noted) = (last.min(head.sequence), anchors.iter().map(|note| note.sequence));
        let ended_at = noted.chain([head.sequence, first]).max().unwrap_or(first);
        if ends_at < ended_at {
            faults.push(AuditFault::Truncated { ends_at, ended_at });
        } else if !same_bytes(&previous, &head.hash) {
            faults.push(AuditFault::Edited { sequence: head.sequence });
        }
        Ok(AuditReport { records: checked, end: AuditEnd { sequence: last, hash: Some(previous) }, faults })
    }
}
