use domain::TenantId;

use crate::message::text;
use crate::{Message, ToolCall};

/// The key that carries our tenant id in a call's metadata and in a tool's static parameters.
pub(crate) const ACCOUNT_ID: &str = "accountId";

/// Where a claim was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Our own record of the call.
    OwnCall,
    /// A tool's static parameter.
    StaticArgument,
    /// `call.assistantOverrides.metadata`.
    CallOverrides,
    /// `assistant.metadata`.
    Assistant,
    /// `call.metadata`.
    Call,
    /// `call.assistant.metadata`.
    CallAssistant,
    /// `call.assistantOverrides.variableValues`.
    Variables,
    /// The query of the URL that Vapi was given.
    Url,
    /// The clinic's number.
    ClinicNumber,
    /// The vendor's id of the clinic's number.
    PhoneNumberId,
    /// The vendor's id of the assistant.
    AssistantId,
}

const METADATA: [(Place, &str); 4] = [
    (Place::CallOverrides, "/assistantOverrides/metadata/accountId"),
    (Place::Call, "/metadata/accountId"),
    (Place::CallAssistant, "/assistant/metadata/accountId"),
    (Place::Variables, "/assistantOverrides/variableValues/accountId"),
];

/// Everything a request says about whose call it is, before anybody looked it up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantClaims {
    /// Account ids, each with its place.
    pub accounts: Vec<(Place, String)>,
    /// `call.id`.
    pub call_id: Option<String>,
    /// The clinic's number, as written.
    pub clinic_number: Option<String>,
    /// The vendor's id of it.
    pub phone_number_id: Option<String>,
    /// The vendor's id of the assistant.
    pub assistant_id: Option<String>,
}

/// What our own records say to the claims.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookups {
    /// Whom we noted for the call when we made it or answered its first request.
    pub own_call: Option<TenantId>,
    /// Whose number it is.
    pub clinic_number: Option<TenantId>,
    /// Whose number it is, by the vendor's id.
    pub phone_number_id: Option<TenantId>,
    /// Whose assistant it is.
    pub assistant_id: Option<TenantId>,
}

/// Why nobody is served, in the words operators of this field search for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TenantRefusal {
    /// Nothing in the request leads to a tenant.
    #[error("no account id in the call context")]
    NoAccount,
    /// An account id that is not one of ours, or an account without a connection.
    #[error("no PMS integration found")]
    NoIntegration,
    /// Two places disagree.
    #[error("conflicting account ids in the call context")]
    Conflict,
}

impl TenantRefusal {
    /// One word, for a metric, a log field and the answer.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoAccount => "no_account",
            Self::NoIntegration => "no_integration",
            Self::Conflict => "conflicting_accounts",
        }
    }
}

impl TenantClaims {
    pub(crate) fn collect(message: &Message, calls: &[ToolCall]) -> Self {
        let statics = calls.iter().filter_map(|call| call.static_account.clone());
        let mut accounts: Vec<_> = statics.map(|account| (Place::StaticArgument, account)).collect();
        let metadata = METADATA
            .iter()
            .filter_map(|(place, pointer)| Some((*place, text(&message.0.call, pointer)?.trim().to_owned())));
        accounts.extend(metadata);
        if let Some(account) = text(&message.0.assistant, "/metadata/accountId") {
            accounts.push((Place::Assistant, account.trim().to_owned()));
        }
        Self {
            accounts,
            call_id: message.call_id().map(str::to_owned),
            clinic_number: message.clinic_number().map(str::to_owned),
            phone_number_id: message.phone_number_id().map(str::to_owned),
            assistant_id: message.assistant_id().map(str::to_owned),
        }
    }

    /// The claims of a request that has no envelope: only what the URL says, which we configured.
    #[must_use]
    pub fn of_url(account: Option<&str>) -> Self {
        let accounts = account.filter(|account| !account.trim().is_empty());
        Self {
            accounts: accounts.map(|account| (Place::Url, account.trim().to_owned())).into_iter().collect(),
            ..Self::default()
        }
    }

    /// The one tenant that every source names.
    ///
    /// # Errors
    /// [`TenantRefusal`] when there is none, when it is not ours, or when two sources disagree.
    pub fn resolve(&self, lookups: &Lookups) -> Result<TenantId, TenantRefusal> {
        let looked_up =
            [lookups.own_call, lookups.clinic_number, lookups.phone_number_id, lookups.assistant_id];
        let mut named = looked_up.into_iter().flatten();
        let mut tenant = named.next();
        if named.any(|other| Some(other) != tenant) {
            return Err(TenantRefusal::Conflict);
        }
        let mut strangers = 0;
        for (_, account) in &self.accounts {
            match account_to_tenant(account) {
                None => strangers += 1,
                Some(claimed) if tenant.is_none_or(|known| known == claimed) => tenant = Some(claimed),
                Some(_) => return Err(TenantRefusal::Conflict),
            }
        }
        match tenant {
            Some(_) if strangers > 0 => Err(TenantRefusal::Conflict),
            Some(tenant) => Ok(tenant),
            None if strangers > 0 => Err(TenantRefusal::NoIntegration),
            None => Err(TenantRefusal::NoAccount),
        }
    }
}

/// A tenant id as it is shown (`ten_…`), or the bare UUID.
fn account_to_tenant(account: &str) -> Option<TenantId> {
    account.parse().ok().or_else(|| uuid::Uuid::try_parse(account).ok().map(TenantId::from_uuid))
}
