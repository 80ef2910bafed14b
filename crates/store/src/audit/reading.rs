use diesel::prelude::*;
use diesel::result::Error as Diesel;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::AuditRecord;
use crate::schema::audit_log;
use crate::{StoreError, TenantTx};

type Row = (
    i64,
    jiff_diesel::Timestamp,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    String,
    i32,
    Value,
    Vec<u8>,
);

/// One record as the database gives it back.
pub(super) enum Read {
    /// As somebody wrote it.
    Whole(AuditRecord),
    /// It holds what cannot be read: a time that is none, a number beyond all numbers. Whoever puts that there must
    /// not keep anybody from reading the rest.
    Unreadable { sequence: i64, hash: Vec<u8> },
}

impl Read {
    pub(super) const fn sequence(&self) -> i64 {
        match self {
            Self::Whole(record) => record.sequence,
            Self::Unreadable { sequence, .. } => *sequence,
        }
    }

    pub(super) fn hash(&self) -> &[u8] {
        match self {
            Self::Whole(record) => &record.hash,
            Self::Unreadable { hash, .. } => hash,
        }
    }

    pub(super) fn into_hash(self) -> Vec<u8> {
        match self {
            Self::Whole(record) => record.hash,
            Self::Unreadable { hash, .. } => hash,
        }
    }
}

impl From<Row> for AuditRecord {
    fn from(row: Row) -> Self {
        let (sequence, at, actor, action, patient, call_id, tool, outcome, ms, detail, hash) = row;
        let at = at.to_jiff();
        Self { sequence, at, actor, action, patient, call_id, tool, outcome, ms, detail, hash }
    }
}

impl TenantTx {
    /// Up to `most` records after `after`, in order. Records that cannot be read are left out:
    /// [`TenantTx::verify_audit`] names them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit_records(&mut self, after: i64, most: i64) -> Result<Vec<AuditRecord>, StoreError> {
        let (mut records, mut after, mut wanted) = (Vec::new(), after, most);
        while wanted > 0 {
            let page = self.audit_page(after, wanted).await?;
            let read = i64::try_from(page.len()).unwrap_or(i64::MAX);
            let Some(end) = page.last().map(Read::sequence) else { break };
            let is_over = read < wanted;
            for one in page {
                if let Read::Whole(record) = one {
                    records.push(record);
                    wanted -= 1;
                }
            }
            if is_over {
                break;
            }
            after = end;
        }
        Ok(records)
    }

    /// As [`TenantTx::audit_records`], with a place for each that cannot be read.
    pub(super) async fn audit_page(&mut self, after: i64, most: i64) -> Result<Vec<Read>, StoreError> {
        match self.audit_rows(after, most).await {
            Ok(records) => return Ok(records.into_iter().map(Read::Whole).collect()),
            Err(Diesel::DeserializationError(_)) => {}
            Err(error) => return Err(error.into()),
        }
        // One of them spoils the page: one by one, the others can be told from it.
        let places: Vec<(i64, Vec<u8>)> = audit_log::table
            .select((audit_log::sequence, audit_log::hash))
            .filter(audit_log::tenant_id.eq(self.tenant.uuid()))
            .filter(audit_log::sequence.gt(after))
            .order(audit_log::sequence)
            .limit(most)
            .load(&mut self.conn)
            .await?;
        let mut page = Vec::with_capacity(places.len());
        for (sequence, hash) in places {
            match self.audit_rows(sequence.saturating_sub(1), 1).await {
                Ok(one) => page.extend(one.into_iter().map(Read::Whole)),
                Err(Diesel::DeserializationError(_)) => page.push(Read::Unreadable { sequence, hash }),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(page)
    }

    async fn audit_rows(&mut self, after: i64, most: i64) -> QueryResult<Vec<AuditRecord>> {
        let rows: Vec<Row> = audit_log::table
            .select((
                audit_log::sequence,
                audit_log::at,
                audit_log::actor,
                audit_log::action,
                audit_log::patient,
                audit_log::call_id,
                audit_log::tool,
                audit_log::outcome,
                audit_log::ms,
                audit_log::detail,
                audit_log::hash,
            ))
            .filter(audit_log::tenant_id.eq(self.tenant.uuid()))
            .filter(audit_log::sequence.gt(after))
            .order(audit_log::sequence)
            .limit(most)
            .load(&mut self.conn)
            .await?;
        Ok(rows.into_iter().map(AuditRecord::from).collect())
    }
}
