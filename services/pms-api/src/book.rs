use std::time::Duration;

use async_trait::async_trait;
use bus::{AskError, Bus, Letter, topology};
use domain::{
    AppointmentType, Balance, Clinician, DayBook, Insurance, Patient, PatientBook, Sensitive, Window,
};
use messages::{Named as _, v1};
use pms::{ErrorKind, PatientQuery};
use reception::{Answered, BookError, Desk, PracticeBook};

use crate::staff_names::StaffNames;

/// The practice's system, asked over the bus: the worker that answers is the only one that talks to
/// the vendor.
pub(crate) struct BusBook {
    bus: Bus,
    patience: Duration,
    staff_names: StaffNames,
}

impl BusBook {
    pub(crate) const fn new(bus: Bus, patience: Duration, staff_names: StaffNames) -> Self {
        Self { bus, patience, staff_names }
    }

    async fn ask(
        &self,
        desk: &Desk,
        question: v1::pms_question::Ask,
    ) -> Result<(v1::pms_reply::Answer, u64), BookError> {
        let question = v1::PmsQuestion {
            tenant_id: desk.tenant.to_string(),
            connection_id: desk.connection.to_string(),
            ask: Some(question),
        };
        let mut letter =
            Letter::new(v1::PmsQuestion::NAME, question.to_bytes()).tenant(desk.tenant.to_string());
        letter.traceparent = telemetry::trace::current_traceparent();
        let reply =
            self.bus.ask(topology::PMS_QUERY_SIKKA, letter, self.patience).await.map_err(|error| {
                tracing::warn!(connection.id = %desk.connection, error = %error, "no worker answered");
                let mut problem = BookError::new(ErrorKind::VendorDown);
                problem.code = Some(
                    match error {
                        AskError::NobodyListens => "no_worker",
                        AskError::Timeout => "no_answer_in_time",
                        _ => "broker_away",
                    }
                    .to_owned(),
                );
                problem
            })?;
        let unreadable = |_| BookError::new(ErrorKind::Unreadable);
        let reply = v1::PmsReply::from_bytes(&reply.body).map_err(unreadable)?;
        let vendor_ms = to_ms(reply.vendor_ms);
        match reply.answer.ok_or_else(|| BookError::new(ErrorKind::Unreadable))? {
            v1::pms_reply::Answer::Problem(problem) => Err(BookError {
                kind: ErrorKind::from_word(&problem.kind).unwrap_or(ErrorKind::VendorDown),
                code: Some(problem.code).filter(|code| !code.is_empty()),
                vendor_ms,
            }),
            answer => Ok((answer, vendor_ms)),
        }
    }

    async fn patients(
        &self,
        desk: &Desk,
        question: v1::pms_question::Ask,
    ) -> Result<Answered<Vec<Patient>>, BookError> {
        let (v1::pms_reply::Answer::Patients(found), vendor_ms) = self.ask(desk, question).await? else {
            return Err(BookError::new(ErrorKind::Unreadable));
        };
        let patients: Result<Vec<Patient>, _> = found.patients.into_iter().map(TryInto::try_into).collect();
        let value = patients.map_err(|_| BookError::new(ErrorKind::Unreadable))?;
        Ok(Answered { value, vendor_ms })
    }
}

fn to_ms(ms: f64) -> u64 {
    Duration::try_from_secs_f64(ms / 1000.0)
        .map_or(0, |spent| u64::try_from(spent.as_millis()).unwrap_or(u64::MAX))
}

#[async_trait]
impl PracticeBook for BusBook {
    async fn search(&self, desk: &Desk, query: &PatientQuery) -> Result<Answered<Vec<Patient>>, BookError> {
        let text =
            |name: &Option<Sensitive<String>>| name.clone().map(Sensitive::into_inner).unwrap_or_default();
        let search = v1::PatientSearch {
            first_name: text(&query.first_name),
            last_name: text(&query.last_name),
            phone: query.phone.clone().map(Into::into),
            born: query.born.as_ref().map(|born| born.expose().to_string()).unwrap_or_default(),
        };
        self.patients(desk, v1::pms_question::Ask::Search(search)).await
    }

    async fn patient(&self, desk: &Desk, vendor_id: &str) -> Result<Answered<Option<Patient>>, BookError> {
        let read = v1::PatientRead { vendor_id: vendor_id.to_owned() };
        let found = self.patients(desk, v1::pms_question::Ask::Patient(read)).await?;
        Ok(Answered { value: found.value.into_iter().next(), vendor_ms: found.vendor_ms })
    }

    async fn day_book(&self, desk: &Desk, covers: Window) -> Result<Answered<DayBook>, BookError> {
        let read = v1::DayBookRead { covers: Some(covers.into()) };
        let answer = self.ask(desk, v1::pms_question::Ask::DayBook(read)).await?;
        let (v1::pms_reply::Answer::DayBook(book), vendor_ms) = answer else {
            return Err(BookError::new(ErrorKind::Unreadable));
        };
        let mut value: DayBook = book.try_into().map_err(|_| BookError::new(ErrorKind::Unreadable))?;
        self.staff_names.put_on(desk.tenant, desk.connection, &mut value.clinicians).await;
        Ok(Answered { value, vendor_ms })
    }

    async fn patient_book(
        &self,
        desk: &Desk,
        patient: &str,
        covers: Window,
    ) -> Result<Answered<PatientBook>, BookError> {
        let read = v1::PatientBookRead { patient: patient.to_owned(), covers: Some(covers.into()) };
        let answer = self.ask(desk, v1::pms_question::Ask::PatientBook(read)).await?;
        let (v1::pms_reply::Answer::PatientBook(book), vendor_ms) = answer else {
            return Err(BookError::new(ErrorKind::Unreadable));
        };
        let mut value: PatientBook = book.try_into().map_err(|_| BookError::new(ErrorKind::Unreadable))?;
        self.staff_names.put_on(desk.tenant, desk.connection, &mut value.clinicians).await;
        Ok(Answered { value, vendor_ms })
    }

    async fn clinicians(&self, desk: &Desk) -> Result<Answered<Vec<Clinician>>, BookError> {
        let answer = self.ask(desk, v1::pms_question::Ask::Clinicians(v1::CliniciansRead {})).await?;
        let (v1::pms_reply::Answer::Clinicians(found), vendor_ms) = answer else {
            return Err(BookError::new(ErrorKind::Unreadable));
        };
        let mut value: Vec<Clinician> = found.clinicians.into_iter().map(Into::into).collect();
        self.staff_names.put_on(desk.tenant, desk.connection, &mut value).await;
        Ok(Answered { value, vendor_ms })
    }

    async fn appointment_types(&self, desk: &Desk) -> Result<Answered<Vec<AppointmentType>>, BookError> {
        let ask = v1::pms_question::Ask::AppointmentTypes(v1::AppointmentTypesRead {});
        let (v1::pms_reply::Answer::AppointmentTypes(found), vendor_ms) = self.ask(desk, ask).await? else {
            return Err(BookError::new(ErrorKind::Unreadable));
        };
        Ok(Answered { value: found.types.into_iter().map(Into::into).collect(), vendor_ms })
    }

    async fn balance(&self, desk: &Desk, patient: &str) -> Result<Answered<Option<Balance>>, BookError> {
        let read = v1::AccountRead { patient: patient.to_owned() };
        let answer = self.ask(desk, v1::pms_question::Ask::Balance(read)).await?;
        let (v1::pms_reply::Answer::Account(account), vendor_ms) = answer else {
            return Err(BookError::new(ErrorKind::Unreadable));
        };
        let value = account.balance.map(TryInto::try_into).transpose();
        Ok(Answered { value: value.map_err(|_| BookError::new(ErrorKind::Unreadable))?, vendor_ms })
    }

    async fn insurance(&self, desk: &Desk, patient: &str) -> Result<Answered<Vec<Insurance>>, BookError> {
        let read = v1::AccountRead { patient: patient.to_owned() };
        let answer = self.ask(desk, v1::pms_question::Ask::Insurance(read)).await?;
        let (v1::pms_reply::Answer::Insurances(found), vendor_ms) = answer else {
            return Err(BookError::new(ErrorKind::Unreadable));
        };
        let value: Result<Vec<Insurance>, _> = found.insurances.into_iter().map(TryInto::try_into).collect();
        Ok(Answered { value: value.map_err(|_| BookError::new(ErrorKind::Unreadable))?, vendor_ms })
    }
}
