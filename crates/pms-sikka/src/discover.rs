//! What the vendor tells about the practices that let the application in: read when one is connected.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Currency;
use pms::{Advice, Capabilities, ErrorKind, KeySource, PmsError};
use seal::Secret;
use serde::{Deserialize, Serialize};
use vendor_http::{Budget, Request};

use crate::client::{Calls, Door};
use crate::map::{is_of_practice, system, time};
use crate::{Sikka, Words, map, office_credentials, wire};

/// A practice that let the application in (contract 2.2). `practice_id` alone is not unique: offices share it.
#[derive(Debug, Clone)]
pub struct AuthorizedPractice {
    /// The customer: `D12345`.
    pub office_id: String,
    /// The location inside the office.
    pub practice_id: String,
    /// What [`crate::SikkaLogin`] logs in with, ready to be sealed.
    pub credentials: Secret,
    /// The practice's name.
    pub name: String,
    /// Its system, as the vendor spells it.
    pub system: String,
    /// Its system's version.
    pub system_version: String,
    /// Its IANA zone; `None` where the vendor's Windows name is not known.
    pub time_zone: Option<String>,
    /// The zone as the vendor names it; empty: it does not tell yet.
    pub zone_name: String,
    /// Two letters: whose phone numbers it writes without a country, as far as its zone tells.
    pub country: &'static str,
}

/// What [`crate::SikkaOffice`] must know of its practice. It is stored with the connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficeProfile {
    /// The customer.
    pub office_id: String,
    /// The location inside the office.
    pub practice_id: String,
    /// The database inside the office, without which chairs cannot be listed.
    pub cust_id: String,
    /// IANA.
    pub time_zone: String,
    /// What the practice counts its money in. Those connected before it was kept: their zone tells.
    #[serde(default)]
    pub currency: Option<Currency>,
    /// The code of the practice's own payment type for a way to pay (`card`), where staff chose one; what its name
    /// tells otherwise.
    #[serde(default)]
    pub payment_types: BTreeMap<String, String>,
    /// What the connection can do.
    pub capabilities: Capabilities,
    /// In which words.
    #[serde(default)]
    pub words: Words,
}

impl Sikka {
    /// Every location of every office that let the application in. A new one may take a while to appear.
    ///
    /// # Errors
    /// [`PmsError`]; `AccessWithdrawn` means that the application's own keys are wrong.
    pub async fn authorized_practices(&self) -> Result<Vec<AuthorizedPractice>, PmsError> {
        let request = Request::get("authorized_practices", "/authorized_practices").query("show", "all");
        let rows: Vec<wire::AuthorizedPractice> = self.calls().list(Door::App, request).await?;
        Ok(rows.into_iter().filter_map(authorized).collect())
    }

    /// Reads what [`crate::SikkaOffice`] must know of `practice`, with a key of its office.
    ///
    /// # Errors
    /// [`PmsError`]; `NotReady` while a new practice's data, or its zone, is on its way (hours), `Unsupported` with
    /// code `time_zone` for a zone nobody knows.
    pub async fn inspect(
        &self,
        practice: &AuthorizedPractice,
        keys: Arc<dyn KeySource>,
        budget: Arc<dyn Budget>,
    ) -> Result<OfficeProfile, PmsError> {
        let unknown = |what: &str| PmsError::new(ErrorKind::Unsupported, Advice::Permanent).code(what);
        let time_zone = practice.time_zone.clone().ok_or_else(|| match practice.zone_name.trim() {
            "" => PmsError::new(ErrorKind::NotReady, Advice::Retry).code("time_zone"),
            _ => unknown("time_zone"),
        })?;
        let calls = Calls { sikka: self.clone(), budget, keys: Some(keys) };
        let practices = Request::get("practices", "/practices")
            .query("practice_id", &practice.practice_id)
            .query("fields", "get_all");
        let key_info = Request::get("request_key_info", "/request_key_info");
        let supported = Request::get("supported_pmses", "/supported_pmses");
        let (practices, key_info, supported, statuses, notes) = tokio::try_join!(
            calls.list::<wire::Practice>(Door::Office, practices),
            calls.object::<wire::KeyGrant>(Door::Office, &key_info),
            calls.list::<wire::SupportedPms>(Door::App, supported),
            calls.statuses(&practice.practice_id),
            calls.note_types(&practice.practice_id),
        )?;
        let row = practices
            .into_iter()
            .find(|row| is_of_practice(row.practice_id.str(), row.cust_id.str(), &practice.practice_id))
            .ok_or_else(|| PmsError::new(ErrorKind::NotReady, Advice::Retry).code("practices"))?;
        let (system, version) = (practice.system.as_str(), practice.system_version.as_str());
        let scope = key_info.scope.str();
        let mut profile = OfficeProfile {
            office_id: practice.office_id.clone(),
            practice_id: practice.practice_id.clone(),
            payment_types: BTreeMap::new(),
            currency: Some(map::account::currency(row.country.str(), &time_zone)),
            cust_id: row.cust_id.filled().ok_or_else(|| unknown("cust_id"))?.to_owned(),
            time_zone,
            capabilities: system::capabilities(system, version, scope, &supported),
            words: system::words(system, version, scope, &supported, (statuses, notes)),
        };
        profile.words.keep_told();
        profile.declare();
        Ok(profile)
    }

    /// What staff choose from, as the practice lists it now.
    ///
    /// # Errors
    /// [`PmsError`].
    pub async fn lists(
        &self,
        practice_id: &str,
        keys: Arc<dyn KeySource>,
        budget: Arc<dyn Budget>,
    ) -> Result<PracticeLists, PmsError> {
        let calls = Calls { sikka: self.clone(), budget, keys: Some(keys) };
        let types = async {
            match calls.payment_types(practice_id).await {
                // The plan has no such list: then there is nothing to choose from.
                Err(error) if error.kind == ErrorKind::Unsupported => Ok(Vec::new()),
                answer => answer,
            }
        };
        let (people, types) = tokio::try_join!(calls.providers(practice_id), types)?;
        Ok(PracticeLists {
            clinicians: map::clinicians(&people).into_iter().map(|one| one.vendor_id).collect(),
            payment_types: types.iter().filter_map(|one| one.code.filled()).map(str::to_owned).collect(),
        })
    }
}

/// What a practice's own system has, by its codes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PracticeLists {
    /// People that callers may be booked with.
    pub clinicians: Vec<String>,
    /// Ways to pay.
    pub payment_types: Vec<String>,
}

fn authorized(row: wire::AuthorizedPractice) -> Option<AuthorizedPractice> {
    let office_id = row.office_id.filled()?.to_owned();
    let zone_name = row.practice_management_system_refresh_date_time_zone.into_string();
    let time_zone = time::zone_name(&zone_name);
    Some(AuthorizedPractice {
        country: time_zone.map_or("US", time::country),
        credentials: office_credentials(&office_id, &row.secret_key?),
        office_id,
        practice_id: row.practice_id.filled()?.to_owned(),
        name: row.practice_name.into_string(),
        system: row.practice_management_system.into_string(),
        system_version: row.practice_management_system_version.into_string(),
        time_zone: time_zone.map(str::to_owned),
        zone_name,
    })
}
