//! The endpoints that change what is there, and those that tell in which words (contract 4.5, 5.2, 5.3, 5.6).

use std::time::Instant;

use pms::{Advice, ErrorKind, PmsError};
use serde::Serialize;
use vendor_http::Request;

use super::{Calls, Door, Pages, post};
use crate::wire;

/// `appointments/{id}`. An id that the vendor takes in no path (contract 2.5) is refused here: it would name
/// something else.
fn appointment_path(id: &str) -> Result<String, PmsError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if id.is_empty() || id == "." || id == ".." || !id.chars().all(plain) {
        return Err(PmsError::new(ErrorKind::Invalid, Advice::Permanent).code("appointment"));
    }
    Ok(format!("/appointments/{id}"))
}

fn json(body: &impl Serialize) -> Result<Vec<u8>, PmsError> {
    serde_json::to_vec(body).map_err(|_| PmsError::new(ErrorKind::Invalid, Advice::Permanent).code("body"))
}

impl Calls {
    pub(crate) async fn new_status(
        &self,
        body: &wire::NewStatus<'_>,
        send_by: Instant,
    ) -> Result<wire::Message, PmsError> {
        let path = appointment_path(body.appointment_sr_no)?;
        self.receipt(&Request::patch("patch_appointment", &path, json(body)?).leaving_by(send_by)).await
    }

    pub(crate) async fn new_edit(
        &self,
        appointment: &str,
        body: &wire::NewEdit<'_>,
        send_by: Instant,
    ) -> Result<wire::Message, PmsError> {
        let path = appointment_path(appointment)?;
        self.receipt(&Request::put("put_appointment", &path, json(body)?).leaving_by(send_by)).await
    }

    pub(crate) async fn new_note(
        &self,
        body: &wire::NewNote<'_>,
        send_by: Instant,
    ) -> Result<wire::Message, PmsError> {
        self.receipt(&post("post_note", "/medical_notes", body)?.leaving_by(send_by)).await
    }

    /// The rows of one appointment, and whether the vendor was still loading them.
    pub(crate) async fn appointment(
        &self,
        practice_id: &str,
        id: &str,
    ) -> Result<(Vec<wire::Appointment>, bool), PmsError> {
        let request = Request::get("appointments", "/appointments")
            .query("practice_id", practice_id)
            .query("appointment_sr_no", id)
            .query("fields", "get_all");
        let mut pages = Pages::new(self, Door::Office, request);
        let mut rows: Vec<wire::Appointment> = Vec::new();
        while let Some(mut page) = pages.next().await? {
            rows.append(&mut page);
        }
        rows.retain(|row| row.appointment_sr_no.str() == id);
        Ok((rows, pages.loading))
    }

    pub(crate) async fn notes(
        &self,
        practice_id: &str,
        patient_id: &str,
    ) -> Result<Vec<wire::MedicalNote>, PmsError> {
        let request = Request::get("medical_notes", "/medical_notes")
            .query("practice_id", practice_id)
            .query("patient_id", patient_id)
            .query("fields", "get_all");
        self.list(Door::Office, request).await
    }

    /// The status words of the practice's system; none where the plan does not tell them.
    pub(crate) async fn statuses(&self, practice_id: &str) -> Result<Vec<String>, PmsError> {
        let request = Request::get("appointment_statuses", "/appointment_statuses");
        let rows: Vec<wire::AppointmentStatus> = self.words(request, practice_id).await?;
        Ok(rows.into_iter().filter_map(|row| row.status.filled().map(str::to_owned)).collect())
    }

    /// The kinds of notes the practice's system has; none where the plan does not tell them.
    pub(crate) async fn note_types(&self, practice_id: &str) -> Result<Vec<String>, PmsError> {
        let request = Request::get("note_types", "/note_types");
        let rows: Vec<wire::NoteType> = self.words(request, practice_id).await?;
        Ok(rows.into_iter().filter_map(|row| row.kind.filled().map(str::to_owned)).collect())
    }

    async fn words<T: serde::de::DeserializeOwned>(
        &self,
        request: Request,
        practice_id: &str,
    ) -> Result<Vec<T>, PmsError> {
        match self.list(Door::Office, request.query("practice_id", practice_id)).await {
            Err(error) if matches!(error.kind, ErrorKind::Unsupported | ErrorKind::NotFound) => {
                Ok(Vec::new())
            }
            answer => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_would_name_something_else_in_a_path_is_refused() {
        assert_eq!(appointment_path("5001").unwrap(), "/appointments/5001");
        for id in ["", ".", "..", "1/2", "1?x", "1#", "1%2f", "1 2", "a:b"] {
            assert_eq!(appointment_path(id).unwrap_err().code.as_deref(), Some("appointment"), "{id}");
        }
    }
}
