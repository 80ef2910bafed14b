//! What a connection can do: the practice's system × the application's plan × what this adapter knows how to say.

use std::collections::BTreeSet;

use pms::{Capabilities, Operation};

use crate::wire;

/// One practice-management system behind the vendor (contract section 8).
struct System {
    /// Its name, and how else the vendor spells it, in [`plain`] letters.
    spellings: &'static [&'static str],
    /// As it is shown.
    name: &'static str,
    /// Whether the fields this adapter sends are all that a new appointment and a new patient need there.
    writes: bool,
    /// Whether the fields this adapter sends are all that a payment needs there.
    pays: bool,
    /// Whether it fills `appointments_available_slots`.
    slots: bool,
}

/// OrthoTrac, Dolphin, ClearDent and Planet DDS want fields of their own in every write, which nobody asks
/// the caller for yet: they are read-only until somebody does. Eaglesoft wants to know what a payment has an impact
/// on, in words of its own: its payments are left to the staff.
const SYSTEMS: &[System] = &[
    System { spellings: &["opendental"], name: "Open Dental", writes: true, pays: true, slots: false },
    System {
        spellings: &["dentrix", "dentrixg6", "dentrixg7"],
        name: "Dentrix",
        writes: true,
        pays: true,
        slots: false,
    },
    System { spellings: &["eaglesoft"], name: "Eaglesoft", writes: true, pays: false, slots: false },
    System { spellings: &["orthotrac"], name: "OrthoTrac", writes: false, pays: false, slots: true },
    System {
        spellings: &["dolphin", "dolphinmanagement"],
        name: "Dolphin Management",
        writes: false,
        pays: false,
        slots: true,
    },
    System { spellings: &["cleardent"], name: "ClearDent", writes: false, pays: false, slots: false },
    System {
        spellings: &["planetdds", "planetddswebv30", "planetddswebv3", "denticon"],
        name: "Planet DDS",
        writes: false,
        pays: false,
        slots: true,
    },
    System { spellings: &["tracker"], name: "Tracker", writes: false, pays: false, slots: false },
];

/// The vendor's spellings differ in case and spaces: `Opendental`, `OpenDental`.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// What a practice on `system` can be asked for. `scope` is the key's: the application's plan.
pub(crate) fn capabilities(
    system: &str,
    version: &str,
    scope: &str,
    supported: &[wire::SupportedPms],
) -> Capabilities {
    let known = SYSTEMS.iter().find(|known| known.spellings.contains(&plain(system).as_str()));
    let plan: BTreeSet<String> = scope.split(',').map(|api| api.trim().to_ascii_lowercase()).collect();
    let may = |apis: &[&str]| apis.iter().all(|api| plan.contains(*api));
    let may_write = |api: &str| plan.contains(api) || plan.contains(&format!("post {api}"));
    let writes = known.is_some_and(|known| known.writes);
    let can = |row: fn(&wire::SupportedPms) -> bool| writes && supports(system, version, supported, row);
    let mut operations = BTreeSet::new();
    for (allowed, operation) in [
        (may(&["patients"]), Operation::SearchPatients),
        (may(&["patients"]), Operation::ReadPatient),
        (may(&["appointments", "providers", "operatories", "practice_schedule"]), Operation::ReadDayBook),
        (may(&["providers"]), Operation::ListClinicians),
        (may(&["writeback_details"]) || may(&["practice_variables"]), Operation::ListAppointmentTypes),
        (may(&["patient_balance"]), Operation::ReadBalance),
        (may(&["subscribers", "insurance_companies"]), Operation::ReadInsurance),
        (
            may(&["appointments_available_slots"]) && known.is_some_and(|known| known.slots),
            Operation::SlotFeed,
        ),
        (
            may_write("patient")
                && can(|row| row.new_patient_writeback.str().eq_ignore_ascii_case("available")),
            Operation::CreatePatient,
        ),
        (
            may_write("appointment")
                && can(|row| row.new_appointment_writeback.str().eq_ignore_ascii_case("available")),
            Operation::BookAppointment,
        ),
        (
            may_write("transaction")
                && may(&["patients", "payment_types", "transactions"])
                && known.is_some_and(|known| known.pays)
                && can(|row| row.payment_writeback.str().eq_ignore_ascii_case("available")),
            Operation::RecordPayment,
        ),
        (true, Operation::BulkOutcomes),
    ] {
        if allowed {
            operations.insert(operation);
        }
    }
    Capabilities {
        system: known.map_or_else(|| system.to_owned(), |known| known.name.to_owned()),
        operations,
    }
}

/// The vendor's own word, from the row of this version, or from every row of this system where it lists none
/// of this version.
fn supports(
    system: &str,
    version: &str,
    supported: &[wire::SupportedPms],
    available: fn(&wire::SupportedPms) -> bool,
) -> bool {
    let system = plain(system);
    let rows = || supported.iter().filter(|row| plain(row.practice_management_system.str()) == system);
    let exact = rows().find(|row| plain(row.practice_management_system_version.str()) == plain(version));
    match exact {
        Some(row) => available(row),
        None => rows().next().is_some() && rows().all(available),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: &str = "appointments,patients,providers,operatories,practice_schedule, \
        appointments_available_slots,writeback_status,POST appointment,POST patient";

    fn supported() -> Vec<wire::SupportedPms> {
        serde_json::from_str(include_str!("../../tests/answers/supported_pmses_rows.json")).unwrap()
    }

    fn operations(system: &str, version: &str, scope: &str) -> BTreeSet<Operation> {
        capabilities(system, version, scope, &supported()).operations
    }

    #[test]
    fn a_spelling_of_open_dental_can_do_what_the_plan_and_the_vendor_allow() {
        let can = operations("Opendental", "24.1", SCOPE);
        assert!(can.contains(&Operation::BookAppointment) && can.contains(&Operation::CreatePatient));
        assert!(!can.contains(&Operation::SlotFeed));
        assert_eq!(capabilities("OPENDENTAL", "24.1", SCOPE, &supported()).system, "Open Dental");
    }

    #[test]
    fn a_write_outside_the_plan_or_not_offered_for_this_version_is_not_declared() {
        let reads_only = operations("Opendental", "24.1", "patients");
        assert!(!reads_only.contains(&Operation::BookAppointment));
        assert!(!reads_only.contains(&Operation::ReadDayBook));
        assert!(!operations("Opendental", "12.0", SCOPE).contains(&Operation::CreatePatient));
    }

    #[test]
    fn a_system_that_wants_more_fields_or_that_nobody_knows_is_read_only() {
        let orthotrac = operations("OrthoTrac", "13", SCOPE);
        assert!(orthotrac.contains(&Operation::SlotFeed) && !orthotrac.contains(&Operation::BookAppointment));
        let unknown = operations("Paper And Pencil", "1", SCOPE);
        assert!(unknown.contains(&Operation::ReadDayBook) && !unknown.contains(&Operation::BookAppointment));
    }
}
