//! Seals everything anew under the newest key while services run.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text};
use diesel_async::RunQueryDsl;
use seal::Sealed;

use crate::statement::statement;
use crate::tx::allow_an_hour;
use crate::{MachineryTx, Store, StoreError};

/// A column whose values are sealed, and what each is bound to: SQL over its row.
///
/// More than one text: a value may be bound to either.
struct SealedColumn {
    table: &'static str,
    column: &'static str,
    bound_to: &'static [&'static str],
}

/// Every one there is: a test looks for columns of bytes that are not here.
const SEALED: [SealedColumn; 12] = [
    sealed("alert_destinations", "secret", &["'alert_destinations/' || id || '/secret'"]),
    sealed("alert_destinations", "url", &["'alert_destinations/' || id || '/url'"]),
    sealed("outbox", "body", &["'outbox/' || message_id"]),
    sealed("parked_messages", "body", &["'parked_messages/' || id", "'outbox/' || id"]),
    sealed("pms_connections", "credentials", &["'pms_connections/' || id || '/credentials'"]),
    sealed("pms_connections", "refresh_token", &["'pms_connections/' || id || '/refresh_token'"]),
    sealed("pms_connections", "token", &["'pms_connections/' || id || '/token'"]),
    sealed("pms_writebacks", "payload", &["'pms_writebacks/' || id || '/payload'"]),
    sealed("staff_tasks", "wanted", &["'staff_tasks/' || id || '/wanted'"]),
    sealed("tool_calls", "answer", &["'tool_calls/' || tenant_id || '/' || call_id || '/' || tool_call_id"]),
    sealed("voice_calls", "report", &["'voice_calls/' || vendor_call_id || '/report'"]),
    sealed("webhook_events", "body", &["'webhook_events/' || source || '/' || dedupe_key"]),
];

const fn sealed(
    table: &'static str,
    column: &'static str,
    bound_to: &'static [&'static str],
) -> SealedColumn {
    SealedColumn { table, column, bound_to }
}

/// A length, and an id of at most so many bytes.
const LONGEST_HEAD: usize = 1 + 32;

/// Rows locked at once, for as long as sealing them takes.
const AT_ONCE: usize = 50;
/// Blocks of a table looked through with one query.
const BLOCKS: i64 = 64;
/// Looks through everything: what is locked, or written meanwhile, is for the next.
const LOOKS: u32 = 8;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// How many values of a column are sealed under a key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SealedCount {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The key's id.
    pub key: String,
    /// How many.
    pub values: i64,
}

/// What a rotation came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Rotation {
    /// Values sealed anew.
    pub resealed: u64,
    /// Values that no key opens: left as they are.
    pub unreadable: u64,
    /// Values that are still sealed under an older key: somebody goes on sealing with it, or holds their rows.
    pub left: u64,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    place: String,
    #[diesel(sql_type = Binary)]
    sealed: Vec<u8>,
    #[diesel(sql_type = Array<Text>)]
    bound_to: Vec<String>,
}

impl Store {
    /// How many values are sealed under which key, by table and column.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sealed_counts(&self) -> Result<Vec<SealedCount>, StoreError> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Nullable<Text>)]
            key: Option<String>,
            #[diesel(sql_type = BigInt)]
            number: i64,
        }
        let mut tx = self.machinery().await?;
        // One statement sees one moment, and must not be cut in pieces: a row that moves meanwhile would be missed.
        allow_an_hour(&mut tx.conn).await?;
        let mut counts = Vec::new();
        let mut add = |table: &str, column: &str, key: Option<String>, values| {
            let key = key.unwrap_or_else(|| "none".to_owned());
            counts.push(SealedCount { table: table.to_owned(), column: column.to_owned(), key, values });
        };
        for SealedColumn { table, column, .. } in SEALED {
            // Of a large value only the beginning is fetched: the key's length and its id.
            let rows: Vec<Row> = statement(format!(
                "SELECT key, count(*) AS number FROM (SELECT CASE WHEN length(head) > 0 THEN
                     encode(substring(head FROM 2 FOR get_byte(head, 0)), 'escape') END AS key
                 FROM (SELECT substring({column} FROM 1 FOR {LONGEST_HEAD}) AS head FROM {table}
                     WHERE {column} IS NOT NULL OFFSET 0) AS heads) AS keys
                 GROUP BY key ORDER BY key"
            ))
            .load(&mut tx.conn)
            .await?;
            for row in rows {
                add(table, column, row.key, row.number);
            }
        }
        for key in tx.lasting_under().await? {
            add("sealed_keys", "sealed", Some(key), 1);
        }
        tx.commit().await?;
        Ok(counts)
    }

    /// Seals everything anew under the newest key, a few rows at a time; rows that somebody holds are not waited
    /// for but looked at again later. It may be stopped anywhere and begun again. `said` hears after each
    /// column how many values were sealed anew.
    ///
    /// # Errors
    /// [`StoreError`]; what was sealed anew before stays so.
    pub async fn rotate(&self, mut said: impl FnMut(&str, &str, u64)) -> Result<Rotation, StoreError> {
        let mut rotation = Rotation::default();
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            let mut unreadable = 0;
            for column in &SEALED {
                let resealed = self.rotate_column(column, &mut unreadable).await?;
                if resealed > 0 {
                    said(column.table, column.column, resealed);
                }
                rotation.resealed += resealed;
            }
            let current = self.keys.current_id();
            let counts = self.sealed_counts().await?;
            let old = counts.iter().filter(|count| count.table != "sealed_keys" && count.key != current);
            let old: i64 = old.map(|count| count.values).sum();
            rotation.unreadable = unreadable;
            rotation.left = u64::try_from(old).unwrap_or_default().saturating_sub(unreadable);
            if rotation.left == 0 {
                let mut tx = self.machinery().await?;
                tx.reseal_kept_keys().await?;
                tx.commit().await?;
                break;
            }
        }
        Ok(rotation)
    }

    async fn rotate_column(&self, column: &SealedColumn, unreadable: &mut u64) -> Result<u64, StoreError> {
        let mut tx = self.machinery().await?;
        let blocks = statement(format!(
            "SELECT pg_relation_size('{}') / current_setting('block_size')::bigint AS number",
            column.table
        ))
        .number(&mut tx.conn)
        .await?;
        tx.commit().await?;
        let (mut resealed, mut block) = (0, 0);
        while block <= blocks {
            let (mut from, end) = (format!("({block},0)"), format!("({},0)", block + BLOCKS));
            loop {
                let mut tx = self.machinery().await?;
                let found = tx.sealed_with_older_keys(column, &from, &end).await?;
                let (old, last) = (found.len(), found.last().map(|last| last.place.clone()));
                let done = if old > 0 { tx.reseal(column, found).await? } else { 0 };
                tx.commit().await?;
                resealed += done as u64;
                *unreadable += (old - done) as u64;
                match last {
                    Some(last) if old == AT_ONCE => from = last,
                    _ => break,
                }
            }
            block += BLOCKS;
        }
        Ok(resealed)
    }
}

impl MachineryTx {
    /// Locks some rows whose value is sealed with another key than the newest, behind `from` and before `end`.
    async fn sealed_with_older_keys(
        &mut self,
        SealedColumn { table, column, bound_to }: &SealedColumn,
        from: &str,
        end: &str,
    ) -> Result<Vec<Found>, StoreError> {
        let bound_to = bound_to.join(", ");
        let prefix = self.store.keys.prefixes().swap_remove(0);
        Ok(statement(format!(
            "SELECT ctid::text AS place, {column} AS sealed, ARRAY[{bound_to}] AS bound_to FROM {table}
             WHERE ctid > $1::text::tid AND ctid < $2::text::tid
               AND {column} IS NOT NULL AND substring({column} FROM 1 FOR $3) <> $4
             ORDER BY ctid LIMIT {AT_ONCE} FOR NO KEY UPDATE SKIP LOCKED"
        ))
        .bind::<Text, _>(from)
        .bind::<Text, _>(end)
        .bind::<Integer, _>(i32::try_from(prefix.len()).unwrap_or_default())
        .bind::<Binary, _>(prefix)
        .load(&mut self.conn)
        .await?)
    }

    /// Seals the values anew and says how many could be; a value that has changed since it was read stays as it is.
    async fn reseal(
        &mut self,
        SealedColumn { table, column, .. }: &SealedColumn,
        found: Vec<Found>,
    ) -> Result<usize, StoreError> {
        let (mut places, mut old, mut new) = (Vec::new(), Vec::new(), Vec::new());
        for Found { place, sealed, bound_to } in found {
            let sealed = Sealed::from_bytes(sealed);
            let opened = bound_to.iter().find_map(|identity| {
                self.store.keys.open(identity, &sealed).ok().map(|plain| (identity, plain))
            });
            let Some((identity, plain)) = opened else { continue };
            places.push(place);
            new.push(self.store.keys.seal(identity, &plain)?.as_bytes().to_vec());
            old.push(sealed.as_bytes().to_vec());
        }
        let opened = places.len();
        statement(format!(
            "UPDATE {table} AS t SET {column} = v.new
             FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS v(place, old, new)
             WHERE t.ctid = v.place::tid AND t.{column} = v.old"
        ))
        .bind::<Array<Text>, _>(places)
        .bind::<Array<Binary>, _>(old)
        .bind::<Array<Binary>, _>(new)
        .execute(&mut self.conn)
        .await?;
        Ok(opened)
    }
}
