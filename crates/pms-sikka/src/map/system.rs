//! What a connection can do: the practice's system × the application's plan × what this adapter knows how to say.

use std::collections::BTreeSet;

use pms::{Capabilities, Operation};

use crate::{Words, wire};

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
    /// How a cancellation is said there.
    cancel: Cancel,
    /// Whether an appointment can be moved by `PUT`.
    reschedules: bool,
    /// Whether a note needs no field that nobody asks the caller for.
    notes: bool,
}

/// How a cancellation is said in a system.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cancel {
    /// Not at all.
    No,
    /// With this word, where the practice's own list has it.
    With(&'static str),
    /// With a word that staff choose from the practice's own list.
    Ask,
}

/// What every system has of which nobody knows more.
const UNKNOWN: System = System {
    spellings: &[],
    name: "",
    writes: false,
    pays: false,
    slots: false,
    cancel: Cancel::No,
    reschedules: false,
    notes: false,
};

/// OrthoTrac, Dolphin, ClearDent and Planet DDS want fields of their own in every write, which nobody asks
/// the caller for yet: they are read-only until somebody does. Eaglesoft wants to know what a payment has an impact
/// on, in words of its own: its payments are left to the staff.
const SYSTEMS: &[System] = &[
    System {
        spellings: &["opendental"],
        name: "Open Dental",
        writes: true,
        pays: true,
        cancel: Cancel::With("broken"),
        reschedules: true,
        notes: true,
        ..UNKNOWN
    },
    // It takes no "broken" through the vendor.
    System {
        spellings: &["dentrix", "dentrixg6", "dentrixg7"],
        name: "Dentrix",
        writes: true,
        pays: true,
        reschedules: true,
        notes: true,
        ..UNKNOWN
    },
    System {
        spellings: &["eaglesoft"],
        name: "Eaglesoft",
        writes: true,
        cancel: Cancel::Ask,
        reschedules: true,
        notes: true,
        ..UNKNOWN
    },
    System { spellings: &["orthotrac"], name: "OrthoTrac", slots: true, ..UNKNOWN },
    System {
        spellings: &["dolphin", "dolphinmanagement"],
        name: "Dolphin Management",
        slots: true,
        ..UNKNOWN
    },
    System { spellings: &["cleardent"], name: "ClearDent", ..UNKNOWN },
    System {
        spellings: &["planetdds", "planetddswebv30", "planetddswebv3", "denticon"],
        name: "Planet DDS",
        slots: true,
        ..UNKNOWN
    },
    System { spellings: &["tracker"], name: "Tracker", ..UNKNOWN },
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
    let known = known(system);
    let plan = plan(scope);
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
            may(&["appointments", "providers", "operatories", "practice_schedule"]),
            Operation::ReadAppointments,
        ),
        // No flag of the vendor tells it: the table does.
        (
            may(&["put appointments"]) && known.is_some_and(|known| known.reschedules),
            Operation::RescheduleAppointment,
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

fn known(system: &str) -> Option<&'static System> {
    SYSTEMS.iter().find(|known| known.spellings.contains(&plain(system).as_str()))
}

fn plan(scope: &str) -> BTreeSet<String> {
    scope.split(',').map(|api| api.trim().to_ascii_lowercase()).collect()
}

/// The words of a practice, as far as its own lists and the table tell them; the rest staff choose.
pub(crate) fn words(
    system: &str,
    version: &str,
    scope: &str,
    supported: &[wire::SupportedPms],
    (statuses, notes): (Vec<String>, Vec<String>),
) -> Words {
    let system_known = known(system);
    let plan = plan(scope);
    let available = |row: fn(&wire::SupportedPms) -> &wire::Text| {
        let rows = supported;
        supports(system, version, rows, |one| row(one).str().eq_ignore_ascii_case("available"))
    };
    let cancel = system_known.map_or(Cancel::No, |known| known.cancel);
    let in_list = |word: &str| statuses.iter().find(|own| own.eq_ignore_ascii_case(word)).cloned();
    let note = match notes.as_slice() {
        [only] => Some(only.clone()),
        several => several.iter().find(|kind| kind.eq_ignore_ascii_case("patient note")).cloned(),
    };
    Words {
        may_cancel: cancel != Cancel::No
            && plan.contains("patch appointments")
            && available(|row| &row.appointment_status_writeback),
        may_note: system_known.is_some_and(|known| known.notes)
            && plan.contains("post medical_notes")
            && available(|row| &row.note_writeback),
        cancelled: match cancel {
            Cancel::With(word) => in_list(word),
            Cancel::No | Cancel::Ask => None,
        },
        statuses,
        note,
        notes,
        ..Words::default()
    }
}

/// The vendor's own word, from the row of this version, or from every row of this system where it lists none
/// of this version.
fn supports(
    system: &str,
    version: &str,
    supported: &[wire::SupportedPms],
    available: impl Fn(&wire::SupportedPms) -> bool,
) -> bool {
    let own = known(system).map(|known| known.name);
    // One list says "Dentrix", the other "Dentrix G6".
    let is_it =
        |name: &str| plain(name) == plain(system) || own.is_some() && known(name).map(|one| one.name) == own;
    let rows = || supported.iter().filter(|row| is_it(row.practice_management_system.str()));
    // A dot in a version means something: 2.41 is not 24.1.
    let is_version = |row: &&wire::SupportedPms| {
        row.practice_management_system_version.str().trim().eq_ignore_ascii_case(version.trim())
    };
    // There may be a row for each specialty.
    let mut of_version = rows().filter(is_version).peekable();
    if of_version.peek().is_some() {
        return of_version.all(available);
    }
    rows().next().is_some() && rows().all(available)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: &str = "appointments,patients,providers,operatories,practice_schedule, \
        appointments_available_slots,writeback_status,POST appointment,POST patient,PUT appointments, \
        PATCH appointments,POST medical_notes";

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

    fn words_of(system: &str, version: &str, statuses: &[&str], notes: &[&str]) -> Words {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        words(system, version, SCOPE, &supported(), (list(statuses), list(notes)))
    }

    #[test]
    fn a_cancellation_is_said_in_the_practices_own_word_and_never_in_a_guessed_one() {
        let open_dental = |statuses: &[&str]| words_of("Opendental", "24.1", statuses, &[]);
        assert_eq!(open_dental(&["Scheduled", "Broken"]).cancelled.as_deref(), Some("Broken"));
        assert_eq!(open_dental(&["Scheduled", "Cancelled"]).cancelled, None, "staff choose");
        assert_eq!(open_dental(&[]).cancelled, None);
        let eaglesoft = words_of("Eaglesoft", "21.20", &["Open", "Cancelled"], &[]);
        assert!(eaglesoft.may_cancel && eaglesoft.cancelled.is_none(), "staff choose");
        assert!(!words_of("Dentrix", "G6.6", &["Fixed", "Broken"], &[]).may_cancel);
        assert!(!words_of("Opendental", "12.0", &["broken"], &[]).may_cancel, "not offered for this version");
    }

    #[test]
    fn a_note_is_of_the_practices_only_kind_or_about_the_patient_and_else_staff_choose() {
        let note = |kinds: &[&str]| words_of("Opendental", "24.1", &[], kinds).note;
        assert_eq!(note(&["Chart"]).as_deref(), Some("Chart"));
        assert_eq!(note(&["Clinical Note", "Patient note"]).as_deref(), Some("Patient note"));
        assert_eq!(note(&["Clinical Note", "Appointment Note"]), None);
        assert_eq!(note(&[]), None);
        assert!(words_of("Opendental", "24.1", &[], &[]).may_note);
    }

    /// Table 8 of the contract, row by row: create, status, PUT, new patient, patch patient, note, payment, slots.
    /// `y` as it stands there; `n` no; `?` not stated, which is no yes; `d` yes there, and left out here: it wants
    /// fields that nobody asks the caller for, or there is no write for it.
    const TABLE: [(&str, &str); 8] = [
        ("Open Dental", "yyyynyyn"),
        ("Dentrix", "ynyynyyn"),
        ("Eaglesoft", "yyyynydn"),
        ("OrthoTrac", "dd?ddd?y"),
        ("Dolphin Management", "dd?ddd?y"),
        ("ClearDent", "d??dn??n"),
        ("Planet DDS", "dd?dnddy"),
        ("Tracker", "????n?dn"),
    ];

    #[test]
    fn every_system_can_do_what_the_contracts_table_says_and_what_is_not_stated_is_no_yes() {
        let names: Vec<&str> = SYSTEMS.iter().map(|system| system.name).collect();
        assert_eq!(names, TABLE.map(|(name, _)| name));
        for (system, (name, row)) in SYSTEMS.iter().zip(TABLE) {
            let ours = [
                system.writes,
                system.cancel != Cancel::No,
                system.reschedules,
                system.writes,
                false,
                system.notes,
                system.pays,
                system.slots,
            ];
            let told: Vec<bool> = row.chars().map(|cell| cell == 'y').collect();
            assert_eq!(ours.to_vec(), told, "{name}");
            // Whatever the plan and the vendor allow, a patient's record is changed by staff.
            for spelling in system.spellings {
                let all = capabilities(spelling, "", SCOPE, &supported()).operations;
                assert!(!all.contains(&Operation::UpdatePatient), "{name}");
            }
        }
    }

    #[test]
    fn a_version_that_is_not_listed_can_do_what_every_listed_one_can() {
        let row = |system: &str, version: &str, writes: &str| {
            serde_json::json!({
                "practice_management_system": system, "practice_management_system_version": version,
                "new_appointment_writeback": writes, "new_patient_writeback": writes,
            })
        };
        let books = |system: &str, version: &str, rows: serde_json::Value| {
            let rows: Vec<wire::SupportedPms> = serde_json::from_value(rows).unwrap();
            capabilities(system, version, SCOPE, &rows).operations.contains(&Operation::BookAppointment)
        };
        let (yes, no) = (row("Dentrix", "G6.6", "Available"), row("Dentrix", "G5", "Not available"));
        assert!(books("Dentrix", "G6.6", serde_json::json!([no, yes])));
        assert!(!books("Dentrix", "G7", serde_json::json!([no, yes])), "one of them cannot");
        assert!(books("Dentrix", "G7", serde_json::json!([yes])));
        assert!(!books("Dentrix", "G7", serde_json::json!([])), "nothing is listed");
        assert!(books("Dentrix G6", "G6.6", serde_json::json!([yes])), "one system under two names");
        let dotted =
            serde_json::json!([row("Open Dental", "24.1", "Available"), row("Open Dental", "2.41", "No")]);
        assert!(!books("Open Dental", "2.41", dotted), "a dot means something");
        let twice = serde_json::json!([yes, row("Dentrix", "G6.6", "Not available")]);
        assert!(!books("Dentrix", "G6.6", twice), "it cannot in every specialty");
    }

    #[test]
    fn only_systems_that_the_table_names_move_appointments() {
        for (system, moves) in
            [("Opendental", true), ("Dentrix", true), ("OrthoTrac", false), ("Paper", false)]
        {
            let can = operations(system, "24.1", SCOPE);
            assert_eq!(can.contains(&Operation::RescheduleAppointment), moves, "{system}");
        }
        assert!(
            !operations("Opendental", "24.1", "appointments").contains(&Operation::RescheduleAppointment)
        );
    }
}
