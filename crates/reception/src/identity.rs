//! Who is who: names as they are heard against names as they are filed.

use domain::{Patient, Phone, words};
use jiff::civil::Date;

/// How well a name that was heard fits the one on file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// Not.
    No,
    /// One begins like the other: `Dan` and `Daniel`, `García` and `García López`.
    Partly,
    /// Letter for letter, accents, case, hyphens and apostrophes aside.
    Wholly,
}

/// Compares two given names or two family names.
pub(crate) fn fit(heard: &str, filed: &str) -> Fit {
    let (heard, filed) = (words(heard), words(filed));
    let (heard_joined, filed_joined) = (heard.concat(), filed.concat());
    if heard_joined.is_empty() || filed_joined.is_empty() {
        return Fit::No;
    }
    if heard_joined == filed_joined {
        return Fit::Wholly;
    }
    let whole_words = heard.iter().zip(&filed).all(|(one, other)| one == other);
    let shorter = heard_joined.chars().count().min(filed_joined.chars().count());
    let begins = filed_joined.starts_with(&heard_joined) || heard_joined.starts_with(&filed_joined);
    if whole_words || (begins && shorter >= 3) { Fit::Partly } else { Fit::No }
}

/// Compares a given name with the one on file, and with what the patient is called instead of it.
pub(crate) fn fits_given(heard: &str, patient: &Patient) -> Fit {
    let called = patient.preferred.as_ref().map_or(Fit::No, |called| fit(heard, called.expose()));
    fit(heard, patient.name.first.expose()).max(called)
}

/// Those of `patients` that fit everything given. A date of birth fits only exactly, and a patient
/// without one on file does not fit a given one. Where somebody fits wholly, those who fit only
/// partly are left out: twins stay apart. Where somebody is active, former patients are left out.
pub(crate) fn matching(
    patients: Vec<Patient>,
    first: Option<&str>,
    last: Option<&str>,
    born: Option<Date>,
    phone: Option<&Phone>,
) -> Vec<Patient> {
    let fits = |heard: Option<&str>, filed: &str| heard.map_or(Fit::Wholly, |heard| fit(heard, filed));
    let mut found: Vec<(Fit, Patient)> = patients
        .into_iter()
        .filter(|patient| born.is_none_or(|born| patient.born.as_ref().map(|on| *on.expose()) == Some(born)))
        .filter(|patient| phone.is_none_or(|phone| has_phone(patient, phone)))
        .map(|patient| {
            let given = first.map_or(Fit::Wholly, |heard| fits_given(heard, &patient));
            (given.min(fits(last, patient.name.last.expose())), patient)
        })
        .filter(|(fit, _)| *fit > Fit::No)
        .collect();
    if found.iter().any(|(_, patient)| patient.active) {
        found.retain(|(_, patient)| patient.active);
    }
    if found.iter().any(|(fit, _)| *fit == Fit::Wholly) {
        found.retain(|(fit, _)| *fit == Fit::Wholly);
    }
    found.into_iter().map(|(_, patient)| patient).collect()
}

/// Whether two family names may be one: written alike, or one the first words of the other. Stricter than [`fit`],
/// where nothing but a day was looked for: `Smith` is not `Smithers`.
pub(crate) fn same_family(heard: &str, filed: &str) -> bool {
    let (heard, filed) = (words(heard), words(filed));
    if heard.is_empty() || filed.is_empty() {
        return false;
    }
    heard.concat() == filed.concat() || heard.iter().zip(&filed).all(|(one, other)| one == other)
}

/// Whether any of the patient's numbers rings this phone.
pub(crate) fn has_phone(patient: &Patient, phone: &Phone) -> bool {
    patient.phones.iter().any(|one| one.same_line(phone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_known_by_what_they_are_called_too() {
        let liz = Patient {
            vendor_id: "1".into(),
            name: domain::PersonName { first: "Elizabeth".into(), last: "Marsh".into() },
            preferred: Some("Liz".into()),
            born: None,
            phones: vec![],
            email: None,
            usual_clinician: None,
            active: true,
        };
        for (heard, fits) in [("Liz", Fit::Wholly), ("elizabeth", Fit::Wholly), ("Beth", Fit::No)] {
            assert_eq!(fits_given(heard, &liz), fits, "{heard}");
        }
        assert_eq!(matching(vec![liz], Some("liz"), Some("Marsh"), None, None).len(), 1);
    }

    #[test]
    fn a_family_name_is_the_same_with_or_without_its_accents_and_its_last_words() {
        for (heard, filed) in [
            ("Nunez", "Núñez"),
            ("García López", "García"),
            ("Garcia", "García-López"),
            ("O Brien", "O'Brien"),
            ("Smith Jones", "Smith-Jones"),
        ] {
            assert!(same_family(heard, filed), "{heard} {filed}");
            assert!(fit(heard, filed) > Fit::No, "no looser than what fits: {heard} {filed}");
        }
        for (heard, filed) in [("Smith", "Smithers"), ("López", "García López"), ("", "Lee"), ("Lee", "'")]
        {
            assert!(!same_family(heard, filed), "{heard} {filed}");
        }
    }

    #[test]
    fn a_name_fits_however_it_is_written() {
        for (heard, filed) in
            [("nunez", "Núñez"), ("O Brien", "O'Brien"), ("smith jones", "Smith-Jones"), ("MARIA", "María")]
        {
            assert_eq!(fit(heard, filed), Fit::Wholly, "{heard} {filed}");
        }
        for (heard, filed) in [("Dan", "Daniel"), ("Garcia", "García López"), ("Mary", "Mary Ann")] {
            assert_eq!(fit(heard, filed), Fit::Partly, "{heard} {filed}");
        }
        for (heard, filed) in [("Jo", "Joan"), ("Maria", "Marta"), ("", "Lee"), ("'", "Lee"), ("Lee", "")] {
            assert_eq!(fit(heard, filed), Fit::No, "{heard} {filed}");
        }
    }
}
