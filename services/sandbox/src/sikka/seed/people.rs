//! Invented patients: a few with a story that tests rely on, the rest drawn.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, date};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::sikka::pms::{Patient, Pms};
use crate::sikka::profile::Rules;

/// Towns that do not exist.
pub(super) const TOWNS: [&str; 8] =
    ["Fernhill", "Larkmoor", "Tilbridge", "Oakmere", "Westlow", "Brindale", "Copperfall", "Ashwick"];

const FIRST: [(&str, &str); 20] = [
    ("Alma", "female"),
    ("Boris", "male"),
    ("Clara", "female"),
    ("Dario", "male"),
    ("Elsie", "female"),
    ("Felix", "male"),
    ("Greta", "female"),
    ("Hugo", "male"),
    ("Imani", "female"),
    ("Jonas", "male"),
    ("Kezia", "female"),
    ("Leopold", "male"),
    ("Mina", "female"),
    ("Nestor", "male"),
    ("Odette", "female"),
    ("Pavel", "male"),
    ("Rosa", "female"),
    ("Silas", "male"),
    ("Talia", "female"),
    ("Viktor", "male"),
];

const LAST: [&str; 20] = [
    "Abernathy",
    "Birch",
    "Castellan",
    "Drummond",
    "Ellery",
    "Fontaine",
    "Galloway",
    "Hartwell",
    "Ingram",
    "Jessop",
    "Kestrel",
    "Lindqvist",
    "Merriweather",
    "Nightingale",
    "Osgood",
    "Pemberton",
    "Quimby",
    "Rutherford",
    "Sandoval",
    "Thackeray",
];

/// Puts `count` patients into the PMS, at least those with a story. `first` is the office that has Maria Lopez.
pub(super) fn fill(pms: &mut Pms, first: bool, count: u32, rules: &Rules, today: Date, rng: &mut StdRng) {
    for patient in known(first, rules) {
        add(pms, patient, today);
    }
    for index in 0..count.saturating_sub(u32::try_from(pms.patients.len()).unwrap_or(0)) {
        let patient = drawn(index, rules, today, rng);
        add(pms, patient, today);
    }
}

fn add(pms: &mut Pms, mut patient: Patient, today: Date) {
    patient.patient_id = pms.next_patient_id();
    if patient.guarantor_id == 0 {
        patient.guarantor_id = patient.patient_id;
    }
    patient.state = "NY".to_owned();
    patient.created = DateTime::from_parts(today.saturating_sub(90.days()), jiff::civil::time(9, 30, 0, 0));
    pms.patients.insert(patient.patient_id, patient);
}

pub(super) fn known(first: bool, rules: &Rules) -> Vec<Patient> {
    let person = |firstname: &str, lastname: &str, born: Date, gender: &str, cell: &str| Patient {
        firstname: firstname.to_owned(),
        lastname: lastname.to_owned(),
        birthdate: Some(born),
        gender: gender.to_owned(),
        cell: if rules.ten_digit_phones { digits(cell) } else { cell.to_owned() },
        status: "Active".to_owned(),
        provider_id: "DR1".to_owned(),
        city: "Fernhill".to_owned(),
        ..Patient::default()
    };
    // In the first office Maria is 101 and the family follows; elsewhere the family starts at 101.
    let parent = if first { 102 } else { 101 };
    let child = |firstname: &str, born: Date, gender: &str| Patient {
        guarantor_id: parent,
        ..person(firstname, "Okafor", born, gender, "555-010-0020")
    };
    let mut people = Vec::new();
    if first {
        people.push(person("Maria", "Lopez", date(1988, 3, 14), "female", "(555) 010-0010"));
    }
    people.extend([
        person("Grace", "Okafor", date(1981, 6, 30), "female", "555-010-0020"),
        child("Daniel", date(2012, 1, 19), "male"),
        child("Ruth", date(2015, 9, 7), "female"),
        Patient {
            homephone: if rules.ten_digit_phones {
                digits("555.010.0030")
            } else {
                "555.010.0030".to_owned()
            },
            ..person("Walter", "Brandt", date(1954, 12, 2), "male", "")
        },
        person("Anna", "Novak", date(1979, 5, 2), "female", "5550100040"),
        Patient {
            other_phone: if rules.ten_digit_phones {
                digits("555-010-0042")
            } else {
                "555-010-0042".to_owned()
            },
            ..person("Anna", "Novak", date(2001, 11, 23), "female", "(555)0100041")
        },
        Patient {
            status: "inactive".to_owned(),
            ..person("Tomas", "Berg", date(1967, 8, 15), "male", "1-555-010-0050")
        },
    ]);
    people
}

fn drawn(index: u32, rules: &Rules, today: Date, rng: &mut StdRng) -> Patient {
    let (firstname, gender) = FIRST[rng.random_range(0..FIRST.len())];
    let lastname = LAST[rng.random_range(0..LAST.len())];
    let line = format!("{:04}", 100 + index);
    let number = if rules.ten_digit_phones {
        format!("555010{line}")
    } else {
        match index % 7 {
            0 => format!("555010{line}"),
            1 => format!("(555)010{line}"),
            2 => format!("555-010-{line}"),
            3 => format!("+1 555 010 {line}"),
            4 => format!("1-555-010-{line}"),
            5 => format!("555.010.{line} ext 4"),
            _ => format!("(555) 010-{line}"),
        }
    };
    let at_home = rng.random_bool(0.2);
    let last_visit = today.saturating_sub(i64::from(rng.random_range(10_u16..700)).days());
    Patient {
        firstname: firstname.to_owned(),
        lastname: lastname.to_owned(),
        gender: gender.to_owned(),
        birthdate: Some(date(
            rng.random_range(1940..2019),
            rng.random_range(1..=12),
            rng.random_range(1..=28),
        )),
        homephone: if at_home { number.clone() } else { String::new() },
        cell: if at_home { String::new() } else { number },
        email: format!("{}.{}{index}@example.com", firstname.to_lowercase(), lastname.to_lowercase()),
        address_line1: format!("{} Mill Lane", rng.random_range(1..200)),
        city: TOWNS[rng.random_range(0..TOWNS.len())].to_owned(),
        zipcode: format!("000{:02}", rng.random_range(10..99)),
        status: if index % 9 == 4 { "active" } else { "Active" }.to_owned(),
        provider_id: if rng.random_bool(0.5) { "DR1" } else { "DR2" }.to_owned(),
        first_visit: Some(last_visit.saturating_sub(365.days())),
        last_visit: Some(last_visit),
        ..Patient::default()
    }
}

fn digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.strip_prefix('1').filter(|rest| rest.len() == 10).map_or(digits.clone(), str::to_owned)
}
