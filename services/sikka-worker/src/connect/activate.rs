//! The moment from which a connection is used: decided on what is so then, not on what was read before the test.

use domain::{AlertKind, ConnectionId, TenantId};
use pms_sikka::OfficeProfile;
use serde_json::Value;
use store::{Moved, NewConnection, Setup, SetupKey, SetupMove};

use super::admit::{NotAdmitted, is_elsewhere, is_occupied};
use super::{Connector, Found, VENDOR, changed};

/// Who has a connection used.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    /// A setup that is under way.
    Setup(&'a Setup),
    /// Somebody who asked for it to be used.
    Wish,
    /// Somebody who asked whether it works: what is switched off stays so.
    Test,
}

/// What became of it.
pub(super) enum Activated {
    Yes,
    /// It was tried while somebody switched it off.
    StillOff,
    /// The setup that asked is no longer the caller's to go on with.
    Over(Moved),
}

impl Connector {
    /// Has the connection used from now on, and ends whatever was on its way to it in the same moment.
    pub(super) async fn activate(
        &self,
        (tenant, id): (TenantId, ConnectionId),
        found: &Found,
        mut profile: OfficeProfile,
        by: By<'_>,
    ) -> Result<Activated, NotAdmitted> {
        let listed = &found.practice;
        let mut tx = self.store.machinery().await?;
        if is_elsewhere(&mut tx, tenant, &listed.office_id).await? {
            return Err(NotAdmitted::Taken);
        }
        tx.lock_places(tenant).await?;
        let known = tx.connection_to_change(tenant, id).await?;
        let is_off = known.status == "disabled";
        match by {
            By::Test if is_off => return Ok(Activated::StillOff),
            By::Setup(setup) => {
                let to = SetupMove { state: "done", connection: Some(id), ..SetupMove::default() };
                match tx.move_setup(setup, &to).await? {
                    Moved::Yes if is_off => return Ok(Activated::Over(Moved::Lost)),
                    Moved::Yes => {}
                    other => return Ok(Activated::Over(other)),
                }
            }
            By::Wish | By::Test => {}
        }
        if is_occupied(&tx.connections_of(tenant).await?, known.practice, Some(id)) {
            return Err(NotAdmitted::Occupied);
        }
        if let Ok(before) = serde_json::from_value::<OfficeProfile>(known.config.clone()) {
            profile.keep_choices(&before);
        }
        tx.learn_place(tenant, known.practice, &profile.time_zone, listed.country).await?;
        let row = NewConnection {
            id,
            practice: known.practice,
            vendor: VENDOR,
            status: "active",
            config: merged(&known.config, &profile),
            capabilities: serde_json::to_value(&profile.capabilities).ok(),
            credentials: &listed.credentials,
        };
        tx.put_connection(tenant, row).await?;
        if !matches!(known.status.as_str(), "active" | "pending") {
            tx.forget_keys(id).await?;
        }
        let (office, location) = (listed.office_id.as_str(), listed.practice_id.as_str());
        tx.settle_setups(SetupKey { tenant, vendor: VENDOR, office, location }, found.is_main, id).await?;
        for cause in [
            AlertKind::Reauthorise,
            AlertKind::SetupFailed,
            AlertKind::InstallCancelled,
            AlertKind::LocationOff,
        ] {
            tx.clear(Some(tenant), Some(id), cause).await?;
        }
        changed(&mut tx, tenant, id, "connection.changed").await?;
        tx.commit().await?;
        self.relay.poke();
        Ok(Activated::Yes)
    }
}

/// What the adapter wrote down, beside what others keep with the connection.
pub(super) fn merged(before: &Value, profile: &OfficeProfile) -> Value {
    let mut config = before.as_object().cloned().unwrap_or_default();
    if let Ok(Value::Object(fields)) = serde_json::to_value(profile) {
        config.extend(fields);
    }
    Value::Object(config)
}
