use pms::Operation;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Access, Arguments, Running, Tool, schema_of, with_general};
use crate::own_book::identified;
use crate::proof::{Given, Who};
use crate::sentences::input as said;
use crate::turn::Turn;
use crate::{BadInput, input, sentences};

const NAME: &str = "updatePatient";

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
    #[serde(flatten)]
    who: Who,
}

pub(crate) fn tool() -> Tool {
    Tool {
        name: NAME,
        description: "Pass a new phone number, e-mail address or postal address of an identified patient on to the clinic's staff, who change the record: the clinic's system does not let it be changed from outside.",
        access: Access::Writes,
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
        let given = Given::read(turn.desk, raw.who)?;
        if let Some(phone) = &raw.phone {
            let phone = input::phone(turn.desk, "phone", phone)?;
            turn.wants("phone", phone.e164.expose().as_str());
        }
        let email = raw.email.map(|email| input::email(turn.desk, "email", email)).transpose()?;
        if raw.phone.is_none() && email.is_none() && raw.address.is_none() {
            let rule = "must be given, or email or address";
            return Err(BadInput::new(turn.desk, "phone", &said::NOTHING_TO_CHANGE, rule).into());
        }
        identified(turn, NAME, &raw.patient_id, &given).await?;
        // Whatever a system declares: there is no write that could be tried, so it is left to the staff.
        Ok(turn.say(&sentences::CANNOT_HERE, &[]))
    })
}
