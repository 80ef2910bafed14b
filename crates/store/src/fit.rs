//! Whether the keys of this process are those that the database is sealed with.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use seal::{HmacKey, SealError, Sealed, same_bytes};
use uuid::Uuid;

use crate::audit::head_seal;
use crate::schema::{audit_heads as h, pms_connections as c, sealed_keys as s};
use crate::tx::{Connection, MACHINERY};
use crate::{MachineryTx, Store, StoreError};

/// What signs the audit chains.
const AUDIT: &str = "audit";
/// The purposes of signing keys that outlive the keys they are sealed with: without them a new `ENCRYPTION_KEY`
/// would break every chain, every time that was offered and not yet booked, and every repeat of a tool call.
const LASTING: [&str; 3] = [AUDIT, "reception", "tool calls"];
/// Heads of chains that are tried to find the key that signed them.
const HEADS: i64 = 50;

/// What is known once the keys are known to fit: the lasting keys, by purpose.
pub(crate) type Fitted = BTreeMap<&'static str, HmacKey>;

enum Misfit {
    /// The migrations have not run: there is nothing to compare with.
    NotYet,
    Is(StoreError),
}

impl<E: Into<StoreError>> From<E> for Misfit {
    fn from(error: E) -> Self {
        Self::Is(error.into())
    }
}

fn identity(name: &str) -> String {
    format!("sealed_keys/{name}")
}

fn mark(id: &str) -> String {
    format!("mark:{id}")
}

/// What a process leaves whose first key this is: from then on something may be sealed with it.
const IN_FRONT: &str = "in_front:";

impl Store {
    /// Makes sure that this process has the keys that the database is sealed with. The first process of all leaves
    /// the marks that the others compare with. Every transaction does it by itself; a service does it at start,
    /// to stop there. `false`: the migrations have not run yet, and there is nothing to compare with.
    ///
    /// # Errors
    /// [`StoreError::OtherKeys`]: nothing of this database may be touched then. [`StoreError::Unavailable`].
    pub async fn check_keys(&self) -> Result<bool, StoreError> {
        match self.fitted.get_or_try_init(|| self.fit()).await {
            Ok(_) => Ok(true),
            Err(Misfit::NotYet) => Ok(false),
            Err(Misfit::Is(error)) => Err(error),
        }
    }

    /// The installation's signing key for a purpose: the one the database keeps. `None` until
    /// [`Store::check_keys`] has said `true`: a key that were guessed before would be another one than the other
    /// processes have.
    #[must_use]
    pub fn lasting_key(&self, purpose: &str) -> Option<HmacKey> {
        self.fitted.get()?.get(purpose).cloned()
    }

    pub(crate) fn audit_key(&self) -> &HmacKey {
        self.fitted.get().and_then(|fitted| fitted.get(AUDIT)).unwrap_or(&self.first_audit_key)
    }

    async fn fit(&self) -> Result<Fitted, Misfit> {
        let mut conn = self.connection().await?;
        let is_there = diesel::dsl::sql::<Bool>("to_regclass('sealed_keys') IS NOT NULL");
        if !diesel::select(is_there).get_result::<bool>(&mut conn).await? {
            return Err(Misfit::NotYet);
        }
        drop(conn);
        let conn = self.enter_role(MACHINERY, None, "").await?;
        let mut tx = MachineryTx { conn, store: self.clone() };
        let mut kept = sealed_keys(&mut tx.conn).await?;
        if self.names().any(|name| !kept.contains_key(&name)) {
            let signs = self.signs(&mut tx.conn, &kept).await?;
            let missing = self.missing(&kept, &signs);
            let rows: Vec<_> = missing
                .iter()
                .map(|(name, sealed)| (s::name.eq(name), s::sealed.eq(sealed.as_bytes())))
                .collect();
            diesel::insert_into(s::table).values(rows).on_conflict_do_nothing().execute(&mut tx.conn).await?;
            // Another process may have been first, with other keys.
            kept = sealed_keys(&mut tx.conn).await?;
        }
        for id in self.keys.ids() {
            self.open_kept(&kept, &mark(id))?;
        }
        let mut fitted = Fitted::new();
        for purpose in LASTING {
            fitted.insert(purpose, HmacKey::sha256(&self.open_kept(&kept, purpose)?));
        }
        // Behind a newer key that others seal with, this process would not read what they write.
        for name in kept.keys().filter(|name| name.starts_with(IN_FRONT)) {
            self.open_kept(&kept, name)?;
        }
        tx.commit().await?;
        Ok(fitted)
    }

    /// What a database keeps for this ring.
    fn names(&self) -> impl Iterator<Item = String> {
        let in_front = format!("{IN_FRONT}{}", self.keys.current_id());
        self.keys.ids().map(mark).chain(LASTING.into_iter().map(str::to_owned)).chain([in_front])
    }

    /// What is to be left where it is not yet, in an order that two processes share. `signs`: of which key the
    /// lasting ones are made.
    fn missing(&self, kept: &BTreeMap<String, Sealed>, signs: &str) -> Vec<(String, Sealed)> {
        let names: BTreeSet<String> = self.names().filter(|name| !kept.contains_key(name)).collect();
        let seal = |name: &String| match name.strip_prefix("mark:") {
            Some(id) => self.keys.seal_with(id, &identity(name), id.as_bytes()).ok(),
            None if name.starts_with(IN_FRONT) => self.keys.seal(&identity(name), b"").ok(),
            None => self.keys.seal(&identity(name), self.keys.derive_bytes(signs, name)?.expose()).ok(),
        };
        names.iter().filter_map(|name| Some((name.clone(), seal(name)?))).collect()
    }

    /// Which key of the ring has signed until now. In the middle of a rotation it is neither always the first nor
    /// always the last: what it has signed tells, or what it has sealed.
    async fn signs(
        &self,
        conn: &mut Connection,
        kept: &BTreeMap<String, Sealed>,
    ) -> Result<String, StoreError> {
        let last = self.keys.ids().last().unwrap_or_default().to_owned();
        if kept.contains_key(AUDIT) {
            let audit = self.open_kept(kept, AUDIT)?;
            let made_it = |id: &&str| {
                self.keys.derive_bytes(id, AUDIT).is_some_and(|bytes| same_bytes(bytes.expose(), &audit))
            };
            return Ok(self.keys.ids().find(made_it).map_or(last, str::to_owned));
        }
        // A database that was used before there were marks has at least its connections to compare with.
        let sealed_with = self.opens_a_connection(conn).await?;
        let heads: Vec<(Uuid, i64, Vec<u8>, Vec<u8>)> = h::table
            .select((h::tenant_id, h::sequence, h::hash, h::seal))
            .order(h::tenant_id)
            .limit(HEADS)
            .load(conn)
            .await?;
        let signed = |id: &&str| {
            let Some(bytes) = self.keys.derive_bytes(id, AUDIT) else { return false };
            let key = HmacKey::sha256(bytes.expose());
            heads.iter().any(|(tenant, sequence, hash, seal)| {
                same_bytes(&head_seal(&key, *tenant, *sequence, hash), seal)
            })
        };
        let found = self.keys.ids().find(signed).map(str::to_owned);
        Ok(found.or(sealed_with).unwrap_or(last))
    }

    /// Under which key the first connection is sealed, where there is one.
    async fn opens_a_connection(&self, conn: &mut Connection) -> Result<Option<String>, StoreError> {
        let found: Option<(Uuid, Vec<u8>)> =
            c::table.select((c::id, c::credentials)).order(c::id).first(conn).await.optional()?;
        let Some((id, sealed)) = found else { return Ok(None) };
        let sealed = Sealed::from_bytes(sealed);
        let opened = self.keys.open(&format!("pms_connections/{id}/credentials"), &sealed);
        opened.map_err(|error| StoreError::OtherKeys(in_words(&error, sealed.key_id())))?;
        Ok(sealed.key_id().map(str::to_owned))
    }

    fn open_kept(&self, kept: &BTreeMap<String, Sealed>, name: &str) -> Result<Vec<u8>, StoreError> {
        let sealed = kept.get(name).ok_or(StoreError::Unreadable("sealed_keys.sealed"))?;
        self.keys
            .open(&identity(name), sealed)
            .map_err(|error| StoreError::OtherKeys(in_words(&error, sealed.key_id())))
    }
}

impl MachineryTx {
    /// Seals what outlives the keys anew under the newest: the last step of a rotation, because from then on
    /// processes start without the older ones, and nothing is sealed with them any longer.
    pub(crate) async fn reseal_kept_keys(&mut self) -> Result<(), StoreError> {
        let kept = sealed_keys(&mut self.conn).await?;
        for purpose in LASTING {
            let plain = self.store.open_kept(&kept, purpose)?;
            let sealed = self.store.keys.seal(&identity(purpose), &plain)?;
            diesel::update(s::table.filter(s::name.eq(purpose)))
                .set(s::sealed.eq(sealed.as_bytes()))
                .execute(&mut self.conn)
                .await?;
        }
        let newest = format!("{IN_FRONT}{}", self.store.keys.current_id());
        let older = s::table
            .filter(s::name.like(format!("{}%", IN_FRONT.replace('_', "\\_"))))
            .filter(s::name.ne(newest));
        diesel::delete(older).execute(&mut self.conn).await?;
        Ok(())
    }

    /// Under which keys the lasting ones are sealed.
    pub(crate) async fn lasting_under(&mut self) -> Result<Vec<String>, StoreError> {
        let kept = sealed_keys(&mut self.conn).await?;
        let lasting = LASTING.into_iter().filter_map(|purpose| kept.get(purpose));
        Ok(lasting.filter_map(Sealed::key_id).map(str::to_owned).collect())
    }
}

async fn sealed_keys(conn: &mut Connection) -> Result<BTreeMap<String, Sealed>, StoreError> {
    let rows: Vec<(String, Vec<u8>)> = s::table.select((s::name, s::sealed)).load(conn).await?;
    Ok(rows.into_iter().map(|(name, sealed)| (name, Sealed::from_bytes(sealed))).collect())
}

fn in_words(error: &SealError, id: Option<&str>) -> String {
    match (error, id) {
        (SealError::UnknownKey(id), _) => {
            format!("its values are sealed with the key `{id}`, which is not in ENCRYPTION_KEY")
        }
        (_, Some(id)) => format!("the key `{id}` in ENCRYPTION_KEY is not the one it was sealed with"),
        (_, None) => "its mark of the key cannot be read".to_owned(),
    }
}
