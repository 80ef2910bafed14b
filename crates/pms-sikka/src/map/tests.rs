use super::*;

fn chicago() -> TimeZone {
    TimeZone::get("America/Chicago").unwrap()
}

fn rows<T: serde::de::DeserializeOwned>(json: &str) -> Vec<T> {
    serde_json::from_str(json).unwrap()
}

fn patients() -> Vec<Patient> {
    let rows: Vec<wire::Patient> = rows(include_str!("../../tests/answers/patients_rows.json"));
    rows.into_iter().filter_map(|row| patient(row, "US")).collect()
}

fn appointments() -> Vec<Appointment> {
    let rows: Vec<wire::Appointment> = rows(include_str!("../../tests/answers/appointments_rows.json"));
    rows.into_iter().flat_map(|row| taken(row, &chicago()).unwrap()).collect()
}

fn window_of(start: &str, end: &str) -> Window {
    Window::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
}

#[test]
fn a_patient_has_every_number_once_whatever_field_it_sits_in() {
    let patients = patients();
    let elena = &patients[0];
    let numbers: Vec<&str> = elena.phones.iter().map(|phone| phone.e164.expose().as_str()).collect();
    assert_eq!(numbers, ["+15550100020", "+15550100021"]);
    assert_eq!(elena.born, Some(jiff::civil::date(1990, 2, 3).into()));
    assert_eq!(elena.usual_clinician.as_deref(), Some("DR1"));
    assert!(elena.active);
}

#[test]
fn an_absent_value_is_none_and_a_row_without_an_id_is_nobody() {
    let patients = patients();
    assert_eq!(patients.len(), 3);
    let quiet = &patients[1];
    assert_eq!((&quiet.born, &quiet.email, quiet.phones.len()), (&None, &None, 0));
    assert!(!quiet.active);
}

#[test]
fn a_patient_is_asked_for_when_every_given_part_fits_without_regard_to_accents_and_case() {
    let rows: Vec<wire::Patient> = rows(include_str!("../../tests/answers/patients_rows.json"));
    let (quiet, jose) = (&rows[1], &rows[3]);
    let named = |first: &str, last: &str| PatientQuery {
        first_name: Some(first.into()),
        last_name: Some(last.into()),
        ..PatientQuery::default()
    };
    assert!(is_asked_for(&named("jose", "obrien"), jose));
    assert!(is_asked_for(&named("Pepe", "O'Br"), jose));
    assert!(!is_asked_for(&named("jose", "Okafor"), jose));
    let born =
        |day| PatientQuery { born: Some(jiff::civil::date(1971, 8, day).into()), ..PatientQuery::default() };
    assert!(is_asked_for(&born(9), jose));
    assert!(!is_asked_for(&born(10), jose));
    assert!(!is_asked_for(&born(9), quiet));
}

#[test]
fn a_patient_is_called_under_any_of_their_numbers_and_no_other() {
    let elena = &patients()[0];
    let under = |number: &str| {
        let phone = Some(Phone::read(number, "US").unwrap());
        is_called_under(&PatientQuery { phone, ..PatientQuery::default() }, elena)
    };
    assert!(under("+15550100020") && under("555.010.0021") && !under("5550100022"));
}

#[test]
fn quirk_20_only_active_visible_people_can_be_booked() {
    let rows: Vec<wire::Provider> = rows(include_str!("../../tests/answers/providers_rows.json"));
    let shown: Vec<(String, ClinicianKind, bool)> =
        rows.iter().filter_map(clinician).map(|one| (one.spoken_name, one.kind, one.bookable)).collect();
    let expected = [
        ("Dr Lee", ClinicianKind::Provider, true),
        ("Ana Ruiz", ClinicianKind::Hygienist, true),
        ("Dr Holt", ClinicianKind::Provider, false),
        ("Dr Marsh", ClinicianKind::Provider, false),
        ("Front Desk", ClinicianKind::Other, false),
        ("Fernhill Group", ClinicianKind::Other, false),
    ];
    assert_eq!(shown, expected.map(|(name, kind, bookable)| (name.to_owned(), kind, bookable)));
}

#[test]
fn a_chair_is_known_by_its_operatory_and_may_belong_to_several_clinicians() {
    let chair = |hidden: &str, providers: &str| {
        chair(&wire::Operatory {
            practice_id: "1".into(),
            operatory: "OP1".into(),
            is_hidden: hidden.into(),
            provider_id: providers.into(),
        })
        .unwrap()
    };
    assert_eq!(chair("F", "DR1| HY1|").clinicians, ["DR1", "HY1"]);
    assert!(chair("F", "").clinicians.is_empty() && chair("", "").bookable);
    assert!(!chair("T", "").bookable);
}

#[test]
fn quirk_10_a_status_word_is_read_in_any_case_and_an_unknown_one_takes_its_time() {
    let state = |status: &str, cancelled: &str| {
        state(&wire::Appointment {
            status: status.into(),
            cancelled: cancelled.into(),
            ..wire::Appointment::default()
        })
    };
    for word in ["open.unconfirm", "complete.confirm", "Fixed", "SCHEDULED", "Confirmed"] {
        assert_eq!(state(word, "False"), AppointmentState::Booked, "{word}");
    }
    for word in ["Broken", "broken", "Cancelled", "No Show"] {
        assert_eq!(state(word, ""), AppointmentState::Cancelled, "{word}");
    }
    for word in ["", "3", "Rescheduled?", "not broken"] {
        assert_eq!(state(word, ""), AppointmentState::Unknown, "{word}");
    }
    assert_eq!(state("Fixed", "True"), AppointmentState::Cancelled);
}

#[test]
fn an_appointment_takes_its_minutes_of_the_practices_wall_clock() {
    let first = &appointments()[0];
    assert_eq!(first.window, window_of("2026-06-01T14:30:00Z", "2026-06-01T15:20:00Z"));
    assert_eq!((first.clinician.as_deref(), first.chair.as_deref()), (Some("DR1"), Some("OP1")));
    assert_eq!(first.state, AppointmentState::Booked);
}

#[test]
fn a_hygienist_beside_the_provider_is_taken_too() {
    let who: Vec<_> = appointments()
        .into_iter()
        .filter(|shown| shown.vendor_id == "902")
        .map(|shown| shown.clinician.unwrap())
        .collect();
    assert_eq!(who, ["DR1", "HY1"]);
}

#[test]
fn an_unreadable_length_takes_the_rest_of_the_day_and_an_unreadable_time_all_of_it() {
    let find = |id: &str| appointments().into_iter().find(|shown| shown.vendor_id == id).unwrap().window;
    assert_eq!(find("903"), window_of("2026-06-01T19:00:00Z", "2026-06-02T05:00:00Z"));
    assert_eq!(find("904"), window_of("2026-06-01T05:00:00Z", "2026-06-02T05:00:00Z"));
}

#[test]
fn an_appointment_without_a_date_is_an_error_and_not_a_free_slot() {
    let row = wire::Appointment { time: "09:00".into(), length: "30".into(), ..wire::Appointment::default() };
    assert!(taken(row, &chicago()).is_err());
}

#[test]
fn a_slot_of_the_feed_names_clinician_and_chair_and_one_without_an_end_is_not_offered() {
    let row = |end: &str| wire::Slot {
        provider_id: "DR1".into(),
        operatory: "OP1".into(),
        date: "2026-06-01T00:00:00".into(),
        time: "09:00".into(),
        end_time: end.into(),
        ..wire::Slot::default()
    };
    let (window, who) = slot(&row("09:30"), &chicago()).unwrap();
    assert_eq!(window, window_of("2026-06-01T14:00:00Z", "2026-06-01T14:30:00Z"));
    assert_eq!(who.len(), 2);
    assert!(slot(&row(""), &chicago()).is_none());
}

#[test]
fn people_are_found_by_their_whole_name_and_those_of_one_family_name_are_said_with_both() {
    let row = |id: &str, first: &str, last: &str, status: &str| wire::Provider {
        provider_id: id.into(),
        firstname: first.into(),
        lastname: last.into(),
        provider_type: "Provider".into(),
        status: status.into(),
        ..wire::Provider::default()
    };
    let people = clinicians(&[
        row("1", "Susan", "Lee", "Active"),
        row("2", "Henry", "Lee", "Active"),
        row("3", "Ama", "Osei", "Active"),
        // Who is gone makes nobody's name longer.
        row("4", "Kofi", "Osei", "Inactive"),
    ]);
    let names: Vec<(&str, &str)> =
        people.iter().map(|one| (one.spoken_name.as_str(), one.full_name.as_str())).collect();
    assert_eq!(
        names,
        [
            ("Dr Susan Lee", "Susan Lee"),
            ("Dr Henry Lee", "Henry Lee"),
            ("Dr Osei", "Ama Osei"),
            ("Dr Osei", "Kofi Osei")
        ]
    );
}

#[test]
fn what_somebody_is_called_instead_of_their_name_is_kept() {
    let row = wire::Patient {
        patient_id: "9".into(),
        firstname: "Elizabeth".into(),
        preferred_name: "Liz".into(),
        ..wire::Patient::default()
    };
    let liz = patient(row, "US").unwrap();
    assert_eq!(liz.preferred.map(|name| name.expose().clone()).as_deref(), Some("Liz"));
}

#[test]
fn quirk_9_a_practice_is_known_with_and_without_its_database() {
    for practice in ["1", "7-1"] {
        assert!(is_of_practice("1", "7", practice) && is_of_practice("7-1", "7", practice));
        for other in ["2", "7-2", "8-1", "71", "7-", "7"] {
            assert!(!is_of_practice(other, "7", practice), "{other}");
        }
    }
}
