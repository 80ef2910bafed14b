mod newest;
mod reading;

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use jiff::Timestamp;
use jiff_diesel::ToDiesel as _;
use seal::{HmacKey, Link, chain_hash, same_bytes};
use serde_json::Value;
use uuid::Uuid;

use self::reading::Read;
use crate::schema::{audit_anchors, audit_heads};
use crate::statement::statement;
use crate::{StoreError, TenantTx};

/// Every so many records the chain's end is written down a second time.
const ANCHOR_EVERY: i64 = 50;

/// Removed records are listed one by one up to here.
const MOST_FAULTS: usize = 1_000;

/// Somebody read or wrote a patient's data.
#[derive(Debug)]
pub struct NewAudit<'a> {
    /// Who: `voice agent`, `chat agent`, `api key key_…`, `sikka-worker`.
    pub actor: &'a str,
    /// What: `patient.search`, `appointment.book`.
    pub action: &'a str,
    /// Whose data, by the vendor's id.
    pub patient: Option<&'a str>,
    /// In which call.
    pub call_id: Option<&'a str>,
    /// Through which tool.
    pub tool: Option<&'a str>,
    /// How it ended.
    pub outcome: &'a str,
    /// How long it took.
    pub ms: i32,
    /// Anything else, without a patient's data in it.
    pub detail: Value,
}

/// One record, as stored.
#[derive(Debug, Clone)]
pub struct AuditRecord {
    /// Its place in the chain, from 1.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// Whose data.
    pub patient: Option<String>,
    /// In which call.
    pub call_id: Option<String>,
    /// Through which tool.
    pub tool: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// How long it took.
    pub ms: i32,
    /// Anything else.
    pub detail: Value,
    hash: Vec<u8>,
}

/// What is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
pub enum AuditFault {
    /// This record's content, or one before it, was changed.
    Edited {
        /// The record's place.
        sequence: i64,
    },
    /// This record cannot be read at all: it holds what no version of this program writes.
    Unreadable {
        /// The record's place.
        sequence: i64,
    },
    /// The record at this place is gone.
    Removed {
        /// Its place.
        sequence: i64,
    },
    /// The chain was longer than it is.
    Truncated {
        /// Where it ends now.
        ends_at: i64,
        /// Where it ended.
        ended_at: i64,
    },
    /// The note of where the chain ends was changed.
    HeadForged,
}

/// Where a chain ends, or ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditEnd {
    /// The last record's place.
    pub sequence: i64,
    /// Its hash; none: only the place was written down.
    pub hash: Option<Vec<u8>>,
}

/// One tenant's chain, or a part of it up to its end.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AuditReport {
    /// How many records were read.
    pub records: i64,
    /// Where it ends.
    #[serde(skip)]
    pub end: AuditEnd,
    /// What is wrong, first things first; empty: nothing.
    pub faults: Vec<AuditFault>,
}

struct Content<'a> {
    at: Timestamp,
    actor: &'a str,
    action: &'a str,
    patient: Option<&'a str>,
    call_id: Option<&'a str>,
    tool: Option<&'a str>,
    outcome: &'a str,
    ms: i32,
    detail: &'a Value,
}

/// What notes where a chain ends, so that a chain cut short no longer matches.
pub(crate) fn head_seal(key: &HmacKey, tenant: Uuid, sequence: i64, hash: &[u8]) -> Vec<u8> {
    key.sign(&[b"head", tenant.as_bytes(), &sequence.to_be_bytes(), hash])
}

impl TenantTx {
    fn audit_hash(&self, sequence: i64, previous: &[u8], content: &Content<'_>) -> Vec<u8> {
        let at = content.at.as_microsecond().to_be_bytes();
        let ms = content.ms.to_be_bytes();
        let mut detail = String::new();
        write_sorted(content.detail, &mut detail);
        let present = [content.patient, content.call_id, content.tool].map(|field| u8::from(field.is_some()));
        chain_hash(
            self.store.audit_key(),
            &Link {
                chain: &self.tenant.uuid().to_string(),
                sequence,
                previous,
                fields: &[
                    &at,
                    content.actor.as_bytes(),
                    content.action.as_bytes(),
                    &present,
                    content.patient.unwrap_or_default().as_bytes(),
                    content.call_id.unwrap_or_default().as_bytes(),
                    content.tool.unwrap_or_default().as_bytes(),
                    content.outcome.as_bytes(),
                    &ms,
                    detail.as_bytes(),
                ],
            },
        )
    }

    fn head_seal(&self, sequence: i64, hash: &[u8]) -> Vec<u8> {
        head_seal(self.store.audit_key(), self.tenant.uuid(), sequence, hash)
    }

    /// Adds a record to the tenant's chain. Records of one tenant are added one after the other:
    /// keep the transaction short after this.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit(&mut self, new: &NewAudit<'_>) -> Result<(), StoreError> {
        let (last, previous) = match self.audit_end().await? {
            Some(end) => end,
            None => self.begin_audit().await?,
        };
        let sequence = last + 1;
        // The database keeps microseconds; the hash must be over what it will give back.
        let now = Timestamp::now();
        let at = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
        let hash = self.audit_hash(
            sequence,
            &previous,
            &Content {
                at,
                actor: new.actor,
                action: new.action,
                patient: new.patient,
                call_id: new.call_id,
                tool: new.tool,
                outcome: new.outcome,
                ms: new.ms,
                detail: &new.detail,
            },
        );
        let seal = self.head_seal(sequence, &hash);
        if sequence % ANCHOR_EVERY == 0 {
            diesel::insert_into(audit_anchors::table)
                .values((
                    audit_anchors::tenant_id.eq(self.tenant.uuid()),
                    audit_anchors::sequence.eq(sequence),
                    audit_anchors::hash.eq(&hash),
                    audit_anchors::seal.eq(&seal),
                ))
                .execute(&mut self.conn)
                .await?;
        }
        // The record, and in the same round trip the chain's end.
        statement(
            "WITH head AS (UPDATE audit_heads SET sequence = $2, hash = $12, seal = $13 WHERE tenant_id = $1)
             INSERT INTO audit_log
                 (tenant_id, sequence, at, actor, action, patient, call_id, tool, outcome, ms, detail, hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind::<SqlUuid, _>(self.tenant.uuid())
        .bind::<BigInt, _>(sequence)
        .bind::<Timestamptz, _>(at.to_diesel())
        .bind::<Text, _>(new.actor)
        .bind::<Text, _>(new.action)
        .bind::<Nullable<Text>, _>(new.patient)
        .bind::<Nullable<Text>, _>(new.call_id)
        .bind::<Nullable<Text>, _>(new.tool)
        .bind::<Text, _>(new.outcome)
        .bind::<Integer, _>(new.ms)
        .bind::<Jsonb, _>(&new.detail)
        .bind::<Binary, _>(&hash)
        .bind::<Binary, _>(&seal)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// The end of the tenant's chain, which nobody else adds to until this transaction is over.
    async fn audit_end(&mut self) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
        let end = audit_heads::table
            .select((audit_heads::sequence, audit_heads::hash))
            .filter(audit_heads::tenant_id.eq(self.tenant.uuid()))
            .for_update()
            .first(&mut self.conn)
            .await;
        Ok(end.optional()?)
    }

    async fn begin_audit(&mut self) -> Result<(i64, Vec<u8>), StoreError> {
        diesel::insert_into(audit_heads::table)
            .values((
                audit_heads::tenant_id.eq(self.tenant.uuid()),
                audit_heads::sequence.eq(0),
                audit_heads::hash.eq(Vec::new()),
                audit_heads::seal.eq(self.head_seal(0, b"")),
            ))
            .on_conflict_do_nothing()
            .execute(&mut self.conn)
            .await?;
        self.audit_end().await?.ok_or(StoreError::NotFound)
    }

    /// Reads the tenant's chain from end to end. `known_ends` were written down outside the database: a chain that was
    /// cut and has grown again has other records at their places. Records may be added meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn verify_audit(
        &mut self,
        known_ends: impl IntoIterator<Item = AuditEnd>,
    ) -> Result<AuditReport, StoreError> {
        let known_ends: Vec<AuditEnd> = known_ends.into_iter().collect();
        let mut faults = Vec::new();
        let before = self.audit_head().await?;
        let anchors = self.audit_anchors(0).await?;
        let mut noted: HashMap<i64, Vec<&[u8]>> = HashMap::new();
        let ours = anchors.iter().chain(&before).map(|note| (note.sequence, &note.hash));
        let theirs = known_ends.iter().filter_map(|end| Some((end.sequence, end.hash.as_ref()?)));
        ours.chain(theirs).for_each(|(sequence, hash)| noted.entry(sequence).or_default().push(hash));
        let (mut records, mut last, mut previous) = (0, 0, Vec::new());
        let mut page_after = i64::MIN;
        loop {
            let page = self.audit_page(page_after, 1_000).await?;
            let Some(end) = page.last().map(Read::sequence) else { break };
            page_after = end;
            for read in page {
                records += 1;
                let sequence = read.sequence();
                if sequence < 1 {
                    faults.push(AuditFault::Edited { sequence });
                    continue;
                }
                // A forged record far away must not make this list every place up to it.
                for missing in (last + 1..sequence).take(MOST_FAULTS.saturating_sub(faults.len())) {
                    faults.push(AuditFault::Removed { sequence: missing });
                }
                // After a removed record the link before is gone; the gap itself is the fault.
                let whole = sequence == last + 1;
                let mut noted = noted.get(&sequence).into_iter().flatten();
                let differs = noted.any(|hash| !same_bytes(hash, read.hash()));
                faults.extend(self.fault_of(&read, &previous, whole, differs));
                last = sequence;
                previous = read.into_hash();
            }
        }
        let after = self.audit_head().await?;
        let known_end = known_ends.iter().map(|end| end.sequence).max();
        self.verify_ends(&Ends { last, hash: &previous, known_end, before, after, anchors }, &mut faults);
        Ok(AuditReport { records, end: AuditEnd { sequence: last, hash: Some(previous) }, faults })
    }

    /// What is wrong with one record by itself. `linked`: `previous` is the hash of the one before it. `differs`: a
    /// note of its hash says otherwise.
    fn fault_of(&self, read: &Read, previous: &[u8], linked: bool, differs: bool) -> Option<AuditFault> {
        let sequence = read.sequence();
        match read {
            Read::Unreadable { .. } => Some(AuditFault::Unreadable { sequence }),
            Read::Whole(record) => {
                let hash = self.audit_hash(sequence, previous, &record.content());
                let is_other = linked && !same_bytes(&hash, &record.hash);
                (is_other || differs).then_some(AuditFault::Edited { sequence })
            }
        }
    }

    async fn audit_head(&mut self) -> Result<Option<AuditNote>, StoreError> {
        Ok(audit_heads::table
            .select(AuditNote::as_select())
            .filter(audit_heads::tenant_id.eq(self.tenant.uuid()))
            .first(&mut self.conn)
            .await
            .optional()?)
    }

    async fn audit_anchors(&mut self, from: i64) -> Result<Vec<AuditNote>, StoreError> {
        let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = audit_anchors::table
            .select((audit_anchors::sequence, audit_anchors::hash, audit_anchors::seal))
            .filter(audit_anchors::tenant_id.eq(self.tenant.uuid()))
            .filter(audit_anchors::sequence.ge(from))
            .load(&mut self.conn)
            .await?;
        Ok(rows.into_iter().map(|(sequence, hash, seal)| AuditNote { sequence, hash, seal }).collect())
    }

    fn is_sealed(&self, note: &AuditNote) -> bool {
        same_bytes(&self.head_seal(note.sequence, &note.hash), &note.seal)
    }

    fn verify_ends(&self, ends: &Ends<'_>, faults: &mut Vec<AuditFault>) {
        let sealed = |note: &AuditNote| self.is_sealed(note);
        let forged = match &ends.after {
            None => ends.last > 0,
            Some(head) => {
                let other = head.sequence == ends.last && ends.last > 0 && !same_bytes(&head.hash, ends.hash);
                !sealed(head) || other || head.sequence < ends.last
            }
        };
        if forged || !ends.anchors.iter().all(sealed) {
            faults.push(AuditFault::HeadForged);
        }
        // The head as it was before the records were read: what came since is no sign of a cut.
        let noted = ends.before.iter().chain(&ends.anchors).map(|note| note.sequence);
        let ended_at = noted.chain(ends.known_end).max().unwrap_or(0);
        if ended_at > ends.last {
            faults.push(AuditFault::Truncated { ends_at: ends.last, ended_at });
        }
    }
}

/// A note of where a chain ended: its head, or an anchor.
#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_heads)]
struct AuditNote {
    sequence: i64,
    hash: Vec<u8>,
    seal: Vec<u8>,
}

struct Ends<'a> {
    last: i64,
    hash: &'a [u8],
    known_end: Option<i64>,
    before: Option<AuditNote>,
    after: Option<AuditNote>,
    anchors: Vec<AuditNote>,
}

impl AuditRecord {
    fn content(&self) -> Content<'_> {
        Content {
            at: self.at,
            actor: &self.actor,
            action: &self.action,
            patient: self.patient.as_deref(),
            call_id: self.call_id.as_deref(),
            tool: self.tool.as_deref(),
            outcome: &self.outcome,
            ms: self.ms,
            detail: &self.detail,
        }
    }
}

/// A value as text that does not depend on the order of its keys: the database keeps its own.
fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (key, field) in fields {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_sorted(field, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write_sorted(item, out);
                out.push(',');
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}
