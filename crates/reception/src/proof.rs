//! Who the caller is: nothing about a patient is said, and nothing is done in their name, before that is shown.

use std::collections::BTreeMap;

use domain::Patient;
use jiff::civil::Date;
use pms::PatientQuery;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guesses::Said;
use crate::identity::{Fit, fit, fits_given, has_phone, matching};
use crate::turn::{Stop, Turn};
use crate::{BadInput, Desk, input, sentences};

/// How a caller has shown, in one call, that they are a patient or speak for one. A greater one does where a
/// smaller one is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// They call from a number of the patient's. Where a family shares it, they said whom it is about.
    Phone,
    /// They said the patient's name and date of birth.
    NameAndBirth,
}

impl Proof {
    /// Its word in our rows.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::NameAndBirth => "name_and_birth",
        }
    }

    /// The proof a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Phone, Self::NameAndBirth].into_iter().find(|proof| proof.word() == word)
    }
}

/// What a tool asks of a caller before it does anything for a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofNeeded {
    /// Nothing. A tool that tells something about a patient, or changes what is there, asks for
    /// [`ProofNeeded::Phone`] all the same.
    None,
    /// [`Proof::Phone`] or more.
    Phone,
    /// [`Proof::NameAndBirth`]: whoever holds the phone is not enough.
    NameAndBirth,
}

/// Which tool asks for which proof: a tenant's choice. What it leaves out is strict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityRules {
    /// For every tool that is not named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<ProofNeeded>,
    /// By the tool's name.
    pub tools: BTreeMap<String, ProofNeeded>,
}

/// Why a tenant's rules cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// They are not of the shape of [`IdentityRules`].
    #[error("identity rules cannot be read")]
    Shape(#[source] serde_json::Error),
    /// They name a tool that is not in the registry: it would be less guarded than somebody believes.
    #[error("identity rules name a tool that does not exist: {0}")]
    NoSuchTool(String),
    /// They name a tool that is about no patient, where nobody is asked for a proof.
    #[error("identity rules name a tool that is about no patient: {0}")]
    NoPatient(String),
}

/// Tools about money: a phone that lies about is not enough.
const STRICTEST: [&str; 3] = ["getPatientBalance", "getPatientInsurance", "processPayment"];
/// The one that neither tells nor changes anything that is there: only this may ask for nothing.
const OPEN: &str = "bookAppointment";
/// It finds a patient by more than an id.
pub(crate) const SEARCH: &str = "searchPatients";

impl IdentityRules {
    /// Reads a tenant's rules; `{}` is all strict.
    ///
    /// # Errors
    /// [`RulesError`].
    pub fn read(value: &serde_json::Value) -> Result<Self, RulesError> {
        if !value.is_object() {
            return Err(RulesError::Shape(serde::de::Error::custom("not an object")));
        }
        let rules = Self::deserialize(value).map_err(RulesError::Shape)?;
        rules.check()?;
        Ok(rules)
    }

    /// Whether every tool they name is one that may ask for a proof.
    ///
    /// # Errors
    /// [`RulesError::NoSuchTool`], [`RulesError::NoPatient`].
    pub fn check(&self) -> Result<(), RulesError> {
        for name in self.tools.keys() {
            let tool = crate::tool(name).ok_or_else(|| RulesError::NoSuchTool(name.clone()))?;
            if !Self::apply_to(tool) {
                return Err(RulesError::NoPatient(name.clone()));
            }
        }
        Ok(())
    }

    /// Whether `tool` is about a patient, so that a proof may be asked for.
    #[must_use]
    pub fn apply_to(tool: &crate::Tool) -> bool {
        tool.name == SEARCH || !tool.arguments["properties"]["patientId"].is_null()
    }

    /// What `tool` asks for.
    #[must_use]
    pub fn needed(&self, tool: &str) -> ProofNeeded {
        let strict = if STRICTEST.contains(&tool) { ProofNeeded::NameAndBirth } else { ProofNeeded::Phone };
        let chosen = self.tools.get(tool).copied().or(self.otherwise).unwrap_or(strict);
        if tool == OPEN { chosen } else { chosen.max(ProofNeeded::Phone) }
    }
}

/// The arguments by which a caller shows who they are, the same for every tool.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Who {
    /// The given name the caller said, unless searchPatients was called with it in this call.
    #[schemars(length(min = 1, max = 80))]
    first_name: Option<String>,
    /// The family name the caller said, unless searchPatients was called with it in this call.
    #[schemars(length(min = 1, max = 80))]
    last_name: Option<String>,
    /// The date of birth the caller said, as YYYY-MM-DD, unless searchPatients was called with it in this call.
    #[schemars(length(min = 1, max = 40), extend("format" = "date"))]
    date_of_birth: Option<String>,
}

/// What a caller said about a patient in one use of a tool.
#[derive(Debug, Default)]
pub(crate) struct Given {
    first: Option<String>,
    last: Option<String>,
    born: Option<Date>,
}

impl Given {
    pub(crate) fn read(desk: &Desk, who: Who) -> Result<Self, BadInput> {
        let name =
            |path: &str, text: Option<String>| text.map(|text| input::name(desk, path, text)).transpose();
        Ok(Self {
            first: name("firstName", who.first_name)?,
            last: name("lastName", who.last_name)?,
            born: who.date_of_birth.map(|text| input::born(desk, "dateOfBirth", &text)).transpose()?,
        })
    }

    const fn is_empty(&self) -> bool {
        self.first.is_none() && self.last.is_none() && self.born.is_none()
    }

    fn said<'a>(&'a self, of: &'a str) -> Said<'a> {
        Said { first: self.first.as_deref(), last: self.last.as_deref(), born: self.born, of }
    }

    /// Nothing that was said is wrong.
    fn fits(&self, patient: &Patient) -> bool {
        let first = self.first.as_ref().is_none_or(|heard| fits_given(heard, patient) > Fit::No);
        let last = self.last.as_ref().is_none_or(|heard| fit(heard, patient.name.last.expose()) > Fit::No);
        let born = patient.born.as_ref().map(|born| *born.expose());
        first && last && (self.born.is_none() || self.born == born)
    }

    /// Name and date of birth are all there, and the name to the letter: a twin's may begin the other's. Whoever says
    /// less of a name is found by a search, which sees them both.
    fn names(&self, patient: &Patient) -> bool {
        let first = self.first.as_ref().is_some_and(|heard| fits_given(heard, patient) == Fit::Wholly);
        let last =
            self.last.as_ref().is_some_and(|heard| fit(heard, patient.name.last.expose()) == Fit::Wholly);
        first && last && self.born.is_some()
    }
}

impl Turn<'_> {
    /// Ends here unless the caller may use `tool` for this patient. What they said must be right, even from a
    /// known number: a family has one phone and several dates of birth. `asked` is the id they were asked for by,
    /// which may be that of the write that made them.
    pub(crate) async fn identified(
        &mut self,
        tool: &str,
        patient: &Patient,
        asked: &str,
        given: &Given,
    ) -> Result<(), Stop> {
        let id = patient.vendor_id.as_str();
        let needed = self.desk.settings.identity.needed(tool);
        if (self.desk.caller.vouched || needed == ProofNeeded::None) && given.fits(patient) {
            return Ok(());
        }
        let shown = self.remembered(&[id, asked]).await?.is_some_and(|proof| covers(proof, needed));
        if shown && given.fits(patient) && !given.names(patient) {
            return Ok(());
        }
        // What was said is counted before it is judged: several at once would all be judged before one is counted.
        let counted = match given.is_empty() {
            true => self.may_still_show().await.map(|()| None),
            false => self.pending(&given.said(id)).await,
        };
        let counted = match counted {
            // What was shown before the guesses stays shown.
            Err(_) if shown && given.fits(patient) => return Ok(()),
            counted => counted?,
        };
        let judged = self.judged(needed, patient, given).await;
        self.settle(counted).await;
        judged
    }

    async fn judged(&mut self, needed: ProofNeeded, patient: &Patient, given: &Given) -> Result<(), Stop> {
        let id = patient.vendor_id.as_str();
        if !given.fits(patient) {
            self.guessed(&given.said(id)).await?;
            return Err(self.unidentified());
        }
        if given.names(patient) {
            self.remember(&[id], Proof::NameAndBirth).await;
            return Ok(());
        }
        if covers(Proof::Phone, needed) && self.phone_tells(patient, given).await? {
            self.remember(&[id], Proof::Phone).await;
            return Ok(());
        }
        Err(self.unidentified())
    }

    /// As [`Turn::identified`], for a patient whose record nobody can read yet: only what was shown in this call
    /// counts.
    pub(crate) async fn known_here(&self, tool: &str, ids: &[&str]) -> Result<(), Stop> {
        let needed = self.desk.settings.identity.needed(tool);
        let exempt = self.desk.caller.vouched || needed == ProofNeeded::None;
        if exempt || self.remembered(ids).await?.is_some_and(|proof| covers(proof, needed)) {
            return Ok(());
        }
        self.may_still_show().await?;
        Err(self.unidentified())
    }

    /// Whether nobody is found here before they have said their name and date of birth.
    pub(crate) fn asks_all(&self) -> bool {
        !self.desk.caller.vouched && self.desk.settings.identity.needed(SEARCH) == ProofNeeded::NameAndBirth
    }

    /// Whether whoever asks has shown nothing, and needs not for booking: they hear nothing of the patient either.
    pub(crate) async fn is_anybody(&self, ids: &[&str]) -> Result<bool, Stop> {
        let open = self.desk.settings.identity.needed(OPEN) == ProofNeeded::None;
        Ok(open && !self.desk.caller.vouched && self.remembered(ids).await?.is_none())
    }

    /// Keeps what a caller has shown for the rest of their call. Where it cannot be kept, they will be asked again.
    pub(crate) async fn remember(&self, ids: &[&str], proof: Proof) {
        if self.desk.caller.vouched || self.call().is_none() {
            return;
        }
        if let Err(error) = self.reception.ledger.prove(self.desk, ids, proof).await {
            tracing::warn!(tenant.id = %self.desk.tenant, error = ?error, "who a caller is was not kept");
        }
    }

    async fn remembered(&self, ids: &[&str]) -> Result<Option<Proof>, Stop> {
        if self.call().is_none() {
            return Ok(None);
        }
        let proof = self.reception.ledger.proof(self.desk, ids).await;
        proof.map_err(|error| self.ledger_failed(&error, &sentences::UNREACHABLE))
    }

    /// Whether the number the call comes from, with what was said, is this patient's and nobody else's.
    async fn phone_tells(&mut self, patient: &Patient, given: &Given) -> Result<bool, Stop> {
        let Some(phone) = self.desk.caller.phone.clone().filter(|phone| has_phone(patient, phone)) else {
            return Ok(false);
        };
        if !self.desk.capabilities.allows(pms::Operation::SearchPatients) {
            return Ok(false);
        }
        let query = PatientQuery { phone: Some(phone.clone()), ..PatientQuery::default() };
        let found = self.search(&query).await?;
        let (first, last) = (given.first.as_deref(), given.last.as_deref());
        let left = matching(found, first, last, given.born, Some(&phone));
        Ok(matches!(left.as_slice(), [one] if one.vendor_id == patient.vendor_id))
    }

    fn unidentified(&self) -> Stop {
        Stop::Answer(self.say(&sentences::IDENTITY_NEEDED, &[]))
    }
}

const fn covers(proof: Proof, needed: ProofNeeded) -> bool {
    matches!(
        (proof, needed),
        (_, ProofNeeded::None | ProofNeeded::Phone) | (Proof::NameAndBirth, ProofNeeded::NameAndBirth)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_tenant_leaves_out_is_strict() {
        let rules = IdentityRules::read(&json!({})).unwrap();
        assert_eq!(rules, IdentityRules::default());
        assert_eq!(rules.needed("bookAppointment"), ProofNeeded::Phone);
        assert_eq!(rules.needed("getPatientInfo"), ProofNeeded::Phone);
        for tool in STRICTEST {
            assert_eq!(rules.needed(tool), ProofNeeded::NameAndBirth, "{tool}");
        }
        assert_eq!(rules.needed("aToolOfTomorrow"), ProofNeeded::Phone);
    }

    #[test]
    fn a_tenant_may_ask_for_more_or_less_and_never_tells_a_patients_data_to_nobody() {
        let rules = IdentityRules::read(&json!({
            "otherwise": "name_and_birth",
            "tools": { "bookAppointment": "none", "getPatientInfo": "none", "getPatientBalance": "phone" },
        }))
        .unwrap();
        assert_eq!(rules.needed("bookAppointment"), ProofNeeded::None);
        assert_eq!(rules.needed("getPatientInfo"), ProofNeeded::Phone);
        assert_eq!(rules.needed("getPatientBalance"), ProofNeeded::Phone);
        assert_eq!(rules.needed("getPatientInsurance"), ProofNeeded::NameAndBirth);
    }

    #[test]
    fn rules_that_name_no_tool_of_ours_or_no_proof_of_ours_are_refused() {
        for rules in [
            json!({ "tools": { "bookApointment": "none" } }),
            json!({ "tools": { "bookAppointment": "shoe_size" } }),
            json!({ "default": "none" }),
            json!([]),
        ] {
            assert!(IdentityRules::read(&rules).is_err(), "{rules}");
        }
    }

    #[test]
    fn a_proof_has_a_word_and_the_word_is_the_proof() {
        for proof in [Proof::Phone, Proof::NameAndBirth] {
            assert_eq!(Proof::from_word(proof.word()), Some(proof));
        }
        assert_eq!(Proof::from_word("none"), None);
    }
}
