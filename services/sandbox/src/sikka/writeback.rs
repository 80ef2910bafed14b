//! A write on its way into the PMS, and how the vendor tells of it (contract section 6).

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::call::Body;
use super::execute::Done;
use super::record::Record;
use super::zone;

/// What a write asks of the PMS.
#[derive(Debug, Clone)]
pub enum Operation {
    /// `POST /appointment`.
    Book(Body),
    /// `PATCH /appointments/{id}`: the new status.
    SetStatus {
        /// Appointment number as it came in the path.
        id: String,
        /// New status word.
        value: String,
    },
    /// `PUT /appointments/{id}`: the fields to change.
    Edit {
        /// Appointment number as it came in the path.
        id: String,
        /// The body.
        body: Body,
    },
    /// `POST /patient`.
    NewPatient(Body),
    /// `POST /medical_notes`.
    Note(Body),
    /// `POST /transaction`.
    Payment(Body),
}

/// One write, from its receipt on.
#[derive(Debug, Clone)]
pub struct Writeback {
    /// The number in the receipt.
    pub id: u64,
    /// Office it belongs to.
    pub office_id: String,
    /// Practice named in the body.
    pub practice_id: String,
    /// HTTP method.
    pub method: &'static str,
    /// API name.
    pub api: &'static str,
    /// The body as received.
    pub body: String,
    /// Request key it was sent with; `writebacks` echoes it.
    pub request_key: String,
    /// What it asks for.
    pub operation: Operation,
    /// Simulated time of the receipt.
    pub submitted_at: Timestamp,
    /// Machine time of the receipt.
    pub submitted_wall: Timestamp,
    /// When it will be carried out; `None` while nothing will.
    pub due: Option<Timestamp>,
    /// How it ended.
    pub finished: Option<Finished>,
    /// Its row in `writebacks`, made anew whenever its state changes.
    pub bulk: Arc<Record>,
}

/// The end of a write.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Simulated time it became due, which is when the PMS changed.
    pub at: Timestamp,
    /// Machine time at which it was carried out.
    pub wall: Timestamp,
    /// What the PMS did, or the text it refused with.
    pub outcome: Result<Done, String>,
}

impl Writeback {
    /// What `current_status`, `writebacks.result` and the admin API call the state.
    pub fn state(&self) -> &'static str {
        match self.finished.as_ref().map(|end| end.outcome.is_ok()) {
            None => "pending",
            Some(true) => "completed",
            Some(false) => "failed",
        }
    }

    /// The sentence the PMS left, `""` while pending.
    pub fn result_text(&self) -> &str {
        match self.finished.as_ref().map(|end| &end.outcome) {
            None => "",
            Some(Ok(done)) => done.text,
            Some(Err(text)) => text,
        }
    }

    /// The row of `writeback_status`: `is_completed` and `has_error` are `""` while pending (contract 6.2).
    pub fn status_row(&self, zone: &TimeZone) -> Record {
        let requested = zone::local(self.submitted_at, zone).to_string();
        let mut row = Record::of([
            ("id", self.id.to_string()),
            ("office_id", self.office_id.clone()),
            ("practice_id", self.practice_id.clone()),
            ("method", self.method.to_owned()),
            ("api", self.api.to_owned()),
            ("payload_body", self.body.clone()),
            ("status", "Pending".to_owned()),
            ("current_status", format!("{requested} : Writeback request received")),
            ("request_time", requested),
        ]);
        let Some(end) = &self.finished else { return row };
        let completed = zone::local(end.at, zone).to_string();
        row.set("is_completed", "True");
        row.set("result", self.result_text());
        row.set("current_status", format!("{completed} : Writeback request processed"));
        row.set("completed_time", completed);
        match &end.outcome {
            Ok(done) => {
                row.set("status", "Success");
                row.set("has_error", "False");
                row.set("appointment_sr_no", number(done.appointment_sr_no));
                row.set("patient_id", number(done.patient_id));
                row.set("created_id", number(done.created_id));
            }
            Err(_) => {
                row.set("status", "Failed");
                row.set("has_error", "True");
            }
        }
        row
    }

    /// The row of `writebacks`. Its times carry a space where `writeback_status` has a T.
    pub fn bulk_row(&self, zone: &TimeZone) -> Record {
        let spaced = |at| zone::local(at, zone).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let mut echo: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&self.body).unwrap_or_default();
        echo.insert("request_key".to_owned(), self.request_key.clone().into());
        let mut row = Record::of([
            ("href", format!("/writebacks?id={}", self.id)),
            ("id", self.id.to_string()),
            ("office_id", self.office_id.clone()),
            ("method", self.method.to_owned()),
            ("api_name", self.api.to_owned()),
            ("api_request_body", serde_json::Value::Object(echo).to_string()),
            ("result", self.state().to_owned()),
            ("command_time", spaced(self.submitted_at)),
            ("description", self.result_text().to_owned()),
        ]);
        if let Some(end) = &self.finished {
            row.set("completed_time", spaced(end.at));
            row.set("duration_in_second", end.at.duration_since(self.submitted_at).as_secs().to_string());
        }
        row
    }
}

fn number(id: Option<u64>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}
