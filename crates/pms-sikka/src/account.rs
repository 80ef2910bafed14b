//! Accounts, insurances, people and kinds of appointment.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AppointmentType, Balance, Clinician, Currency, Insurance};
use futures_util::future::try_join_all;
use pms::{Advice, ErrorKind, PmsError};

use crate::{SikkaOffice, map};

impl SikkaOffice {
    pub(crate) fn currency(&self) -> Currency {
        self.profile.currency.unwrap_or_else(|| map::account::currency("", &self.profile.time_zone))
    }

    pub(crate) async fn people(&self) -> Result<Vec<Clinician>, PmsError> {
        let mut rows = self.calls.providers(&self.profile.practice_id).await?;
        rows.retain(|row| self.is_ours(&row.practice_id));
        Ok(map::clinicians(&rows))
    }

    /// What a new appointment may be called; where the plan or the system does not list that, the practice's own
    /// words for it.
    pub(crate) async fn kinds_of_appointment(&self) -> Result<Vec<AppointmentType>, PmsError> {
        let practice_id = &self.profile.practice_id;
        let offered = match self.calls.writeback_details(practice_id, "new_appointment").await {
            Err(error) if error.kind == ErrorKind::Unsupported => Vec::new(),
            answer => answer?,
        };
        let types: Vec<AppointmentType> = offered.iter().filter_map(map::account::offered_type).collect();
        if !types.is_empty() {
            return Ok(types);
        }
        let words = self.calls.practice_variables(practice_id, "Appointment Type").await?;
        Ok(words.iter().filter_map(map::account::known_type).collect())
    }

    pub(crate) async fn account(&self, patient: &str) -> Result<Option<Balance>, PmsError> {
        // In this order, so that the rows are no older than the copy they are taken for.
        let copied_at = self.copied_at().await;
        let rows = self.calls.balances(&self.profile.practice_id, patient).await?;
        let own = rows.iter().find(|row| row.patient_id.str() == patient && self.is_ours(&row.practice_id));
        let read = own.map(|row| map::account::balance(row, self.currency())).transpose();
        let read = read.map(|balance| balance.map(|balance| Balance { copied_at, ..balance }));
        read.map_err(|error| {
            PmsError::new(ErrorKind::Unreadable, Advice::Permanent).code("patient_balance").caused_by(error)
        })
    }

    pub(crate) async fn plans(&self, patient: &str) -> Result<Vec<Insurance>, PmsError> {
        let practice_id = self.profile.practice_id.as_str();
        let mut rows = self.calls.subscribers(practice_id, patient).await?;
        rows.retain(|row| row.patient_id.str() == patient && self.is_ours(&row.practice_id));
        let ids: BTreeSet<&str> = rows.iter().filter_map(|row| row.insurance_company_id.filled()).collect();
        let lists = ids.iter().map(|id| self.calls.insurance_companies(practice_id, id));
        let companies: BTreeMap<String, _> = try_join_all(lists)
            .await?
            .into_iter()
            .flatten()
            .map(|company| (company.insurance_company_id.str().to_owned(), company))
            .collect();
        let mut plans: Vec<Insurance> =
            rows.iter().map(|row| map::account::insurance(row, &companies, self.currency())).collect();
        plans.sort_by_key(|plan| plan.rank);
        Ok(plans)
    }
}
