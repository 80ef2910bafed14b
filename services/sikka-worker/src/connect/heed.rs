//! What callers' questions tell of a connection by the way: that the vendor serves its location no more, or again. The
//! keeper sees only log-ins, and those go on working.

use std::time::Duration;

use domain::AlertKind;
use messages::v1;
use serde_json::Value;
use store::{DueConnection, NewAlert, SetupKey, StoreError};

use super::{Connector, VENDOR};

/// The vendor has not copied the practice's data yet, or not any more.
pub(super) const NO_DATA: &str = "API2010";
/// The location is switched off there.
pub(super) const OFF: &str = "API2007";
/// What stands beside a connection for as long.
pub(super) const LAST_ERROR: &str = "location_off";
/// However many callers hear the same, it is written down once in this time.
pub(super) const KEPT: Duration = Duration::from_mins(10);

/// What an answer tells of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It is served.
    Served,
    /// Its location is switched off at the vendor.
    Off,
    /// Its data is on its way.
    NoData,
}

impl Heard {
    /// None: nothing of this kind.
    pub(crate) fn of(reply: &v1::PmsReply) -> Option<Self> {
        match reply.answer.as_ref()? {
            v1::pms_reply::Answer::Problem(problem) if problem.code == OFF => Some(Self::Off),
            v1::pms_reply::Answer::Problem(problem) if problem.code == NO_DATA => Some(Self::NoData),
            v1::pms_reply::Answer::Problem(_) => None,
            _ if reply.vendor_ms > 0.0 => Some(Self::Served),
            _ => None,
        }
    }
}

impl Connector {
    /// Has what was heard shown to staff, and done something about where it can be.
    pub(crate) async fn heed(&self, due: DueConnection, heard: Heard) {
        if self.heard.get(&due.connection).await == Some(heard) {
            return;
        }
        self.heard.insert(due.connection, heard).await;
        let written = match heard {
            Heard::NoData => self.ask_anew(due).await,
            Heard::Off | Heard::Served => self.note_access(due, heard == Heard::Off).await,
        };
        if let Err(error) = written {
            self.heard.invalidate(&due.connection).await;
            tracing::warn!(connection.id = %due.connection, error = %error, "what was heard of a connection is lost");
        }
    }

    /// It is looked at as one that is being connected, and waits for its data as such.
    async fn ask_anew(&self, due: DueConnection) -> Result<(), StoreError> {
        let known = self.row(due.tenant, due.connection).await?;
        let text = |name: &str| known.config.get(name).and_then(Value::as_str).unwrap_or_default();
        let (office, location) = (text("office_id"), text("practice_id"));
        if known.status != "active" || office.is_empty() || location.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.machinery().await?;
        tx.take_up_setup(SetupKey { tenant: due.tenant, vendor: VENDOR, office, location }, due.connection)
            .await?;
        tx.commit().await
    }

    async fn note_access(&self, due: DueConnection, is_off: bool) -> Result<(), StoreError> {
        let mut tx = self.store.tenant(due.tenant).await?;
        let known = tx.connection_to_change(due.connection).await?;
        let is_noted = known.last_error.as_deref() == Some(LAST_ERROR);
        if known.status == "active" && is_noted != is_off {
            tx.set_status(due.connection, "active", is_off.then_some(LAST_ERROR)).await?;
        }
        if !is_off {
            tx.clear(Some(due.connection), AlertKind::LocationOff).await?;
        } else if known.status == "active" {
            tx.raise(&NewAlert {
                connection: Some(due.connection),
                kind: AlertKind::LocationOff,
                happened: "The vendor lets us log in and does not show us the location's data (API2007).",
            })
            .await?;
        }
        tx.commit().await?;
        self.relay.poke();
        Ok(())
    }
}
