//! Questions about people, kinds of appointment, accounts and insurances.

use std::time::Duration;

use messages::v1;
use messages::v1::pms_reply::Answer;
use pms::{PMSAdapter, PmsError};
use store::DueConnection;
use writebacks::Offices as _;

use super::{ms, problem};
use crate::context::Context;

pub(super) enum Ask {
    Clinicians,
    AppointmentTypes,
    /// Of the patient with this id.
    Balance(String),
    /// Of the patient with this id.
    Insurance(String),
}

pub(super) async fn answer(context: &Context, due: DueConnection, ask: Ask) -> v1::PmsReply {
    let office = match context.offices.office(due.tenant, due.connection).await {
        Ok(office) => office,
        Err(error) => return problem(&error, Duration::ZERO),
    };
    let (answer, took) = vendor_http::timed(read(&*office, ask)).await;
    match answer {
        Ok(answer) => v1::PmsReply { answer: Some(answer), vendor_ms: ms(took) },
        Err(error) => problem(&error, took),
    }
}

async fn read(office: &dyn PMSAdapter, ask: Ask) -> Result<Answer, PmsError> {
    Ok(match ask {
        Ask::Clinicians => {
            let clinicians = office.clinicians().await?.into_iter().map(Into::into).collect();
            Answer::Clinicians(v1::Clinicians { clinicians })
        }
        Ask::AppointmentTypes => {
            let types = office.appointment_types().await?.into_iter().map(Into::into).collect();
            Answer::AppointmentTypes(v1::AppointmentTypes { types })
        }
        Ask::Balance(patient) => {
            Answer::Account(v1::Account { balance: office.balance(&patient).await?.map(Into::into) })
        }
        Ask::Insurance(patient) => {
            let insurances = office.insurance(&patient).await?.into_iter().map(Into::into).collect();
            Answer::Insurances(v1::Insurances { insurances })
        }
    })
}
