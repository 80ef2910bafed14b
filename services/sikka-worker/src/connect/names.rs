//! Whether two names may be one practice's.

/// What many practices are called, whosever they are.
const COMMON: &[&str] = &[
    "and",
    "associate",
    "avenue",
    "care",
    "center",
    "centre",
    "clinic",
    "dds",
    "dental",
    "dentist",
    "dentistry",
    "dmd",
    "dr",
    "family",
    "group",
    "health",
    "inc",
    "llc",
    "ltd",
    "md",
    "medical",
    "of",
    "office",
    "pa",
    "pc",
    "pllc",
    "practice",
    "road",
    "smile",
    "street",
    "the",
];

/// From so many letters on, a name that begins another one is no chance.
const LONG: usize = 6;

/// Whether nothing that tells practices apart is in both names. Where one of them has no such word nothing is known.
pub(super) fn plainly_differ(one: &str, other: &str) -> bool {
    let (one, other) = (telling(one), telling(other));
    if one.is_empty() || other.is_empty() {
        return false;
    }
    // `Fern Hill` and `Fernhill` are one; `Elm` and `Elmwood` are not.
    let (joined, others) = (one.concat(), other.concat());
    let begins = |long: &str, short: &str| short.len() >= LONG && long.starts_with(short);
    let is_shared = one.iter().any(|word| other.contains(word));
    !(is_shared || joined == others || begins(&joined, &others) || begins(&others, &joined))
}

/// The words of a name that tell practices apart, in small letters; `Dr. Park's` is `park`.
fn telling(name: &str) -> Vec<String> {
    let small = name.to_lowercase().replace(['\'', '\u{2019}'], "");
    small
        .split(|c: char| !c.is_alphanumeric())
        .map(|word| word.strip_suffix('s').filter(|rest| rest.len() > 3).unwrap_or(word))
        .filter(|word| !word.is_empty() && !COMMON.contains(word))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_plainly_differ_where_nothing_that_tells_practices_apart_is_in_both() {
        for (one, other, differ) in [
            ("Elm Street Dental", "elm street", false),
            ("The Larkmoor Family Practice", "Larkmoor Dental", false),
            ("Fern Hill Dental", "Fernhill", false),
            ("Dr. Park's Dentistry", "Park Dental PLLC", false),
            ("Smith & Jones DDS", "Jones Family Dentistry", false),
            ("Dental Clinic", "Oakmere Dental", false),
            ("", "Oakmere Dental", false),
            ("Brindale Dental", "Larkmoor Dental", true),
            ("Cedar", "Elm Street", true),
            ("Elm Dental", "Elmwood Dental", true),
            ("Fern Hill North", "Fernhill", false),
            ("Cedar Family Dental Associates", "Oak Family Dental Associates", true),
            ("Oak Street Dentists", "Elm Street Dentists", true),
        ] {
            assert_eq!(plainly_differ(one, other), differ, "{one:?} {other:?}");
            assert_eq!(plainly_differ(other, one), differ, "{other:?} {one:?}");
        }
    }
}
