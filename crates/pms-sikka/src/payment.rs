//! Payments taken elsewhere, into the practice's ledger.

use std::time::Instant;

use jiff::ToSpan;
use pms::{Advice, ErrorKind, NewPayment, PmsError};

use crate::{SikkaOffice, map, wire};

impl SikkaOffice {
    /// Who pays for the patient and what the practice calls such a payment are read first: nothing is sent where
    /// either is not known.
    pub(crate) async fn post_payment(
        &self,
        new: &NewPayment,
        reference: &str,
        send_by: Instant,
    ) -> Result<wire::Message, PmsError> {
        let practice_id = self.profile.practice_id.as_str();
        if new.amount.expose().currency != self.currency() {
            return Err(PmsError::new(ErrorKind::Invalid, Advice::Permanent).code("currency"));
        }
        let filters = [("patient_id", new.patient.clone())];
        let (rows, types) = tokio::try_join!(
            self.calls.patients(practice_id, &filters),
            self.calls.payment_types(practice_id),
        )?;
        let patient = rows
            .iter()
            .find(|row| row.patient_id.str() == new.patient && self.is_ours(&row.practice_id))
            .ok_or_else(|| PmsError::new(ErrorKind::NotFound, Advice::Permanent).code("patient"))?;
        let guarantor_id = patient.guarantor_id.filled().unwrap_or(&new.patient);
        let kind = map::payment::kind(new.method, &types, &self.profile.payment_types)
            .ok_or_else(|| PmsError::new(ErrorKind::Invalid, Advice::Permanent).code("payment_type"))?;
        let body = map::payment::transaction(new, reference, practice_id, guarantor_id, kind)?;
        self.calls.new_transaction(&body, send_by).await
    }

    /// The ledger's number of a payment that carries `mark` in its note.
    pub(crate) async fn payment_in_records(
        &self,
        patient: &str,
        on: jiff::civil::Date,
        is_it: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, PmsError> {
        // Whether the list's days are those of the practice is not documented.
        let since = on.saturating_sub(2.days());
        let lines = self.calls.transactions(&self.profile.practice_id, patient, since).await?;
        let ours = lines.into_iter().find(|line| {
            line.patient_id.str() == patient && self.is_ours(&line.practice_id) && is_it(line.note.str())
        });
        Ok(ours.map(|line| line.transaction_sr_no.into_string()))
    }
}
