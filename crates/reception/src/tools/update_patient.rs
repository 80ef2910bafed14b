use pms::Operation;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Access, Arguments, Running, Tool, schema_of, with_general};
use crate::own_book::identified;
use crate::proof::Given;
use crate::sentences::input as said;
use crate::turn::Turn;
use crate::{BadInput, input, sentences};

const THIS: (&str, Access) = ("updatePatient", Access::Writes);

/// Arguments of `updatePatient`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UpdatePatient {
    /// The patient's id, as another tool gave it.
    #[schemars(length(min = 1, max = 80))]
    patient_id: String,
    /// The new phone number. At least one of phone, email and address is needed.
    #[schemars(length(max = 40))]
    phone: Option<String>,
    /// The new e-mail address.
    #[schemars(length(max = 254))]
    email: Option<String>,
    /// The new postal address, in one line.
    #[schemars(length(max = 200))]
    address: Option<String>,
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

pub(crate) fn tool() -> Tool {
    Tool {
        name: THIS.0,
        description: "Pass a new phone number, e-mail address or postal address of an identified patient on to the clinic's staff, who change the record: the clinic's system does not let it be changed from outside.",
        access: THIS.1,
        needs: &[Operation::UpdatePatient, Operation::ReadPatient],
        audit_action: "patient.update",
        arguments: schema_of::<UpdatePatient>(),
        sentences: with_general(&[]),
        run,
    }
}

fn run<'a>(turn: &'a mut Turn<'_>, arguments: Arguments<'a>) -> Running<'a> {
    Box::pin(async move {
        let raw: UpdatePatient = arguments.read(turn.desk)?;
        let given = Given::read(turn.desk, raw.first_name, raw.last_name, raw.date_of_birth.as_deref())?;
        let mut wanted = Map::new();
        if let Some(phone) = raw.phone {
            let phone = input::phone(turn.desk, "phone", &phone)?;
            wanted.insert("phone".to_owned(), Value::from(phone.e164.expose().as_str()));
        }
        if let Some(email) = raw.email {
            wanted.insert("email".to_owned(), Value::from(input::email(turn.desk, "email", email)?));
        }
        if let Some(address) = raw.address {
            wanted.insert("address".to_owned(), Value::from(address));
        }
        if wanted.is_empty() {
            let rule = "must be given, or email or address";
            return Err(BadInput::new(turn.desk, "phone", &said::NOTHING_TO_CHANGE, rule).into());
        }
        let patient = identified(turn, THIS, &raw.patient_id, &given).await?;
        wanted.insert("patientId".to_owned(), Value::from(patient.vendor_id));
        // Whatever a system declares: there is no write that could be tried, so it is left to the staff, with what is
        // wanted.
        Ok(turn.say(&sentences::CANNOT_HERE, &[]).with("wanted", wanted))
    })
}
