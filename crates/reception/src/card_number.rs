//! What looks like a card's number is not taken down, not kept and not repeated.

use serde_json::Value;

/// The first argument that holds something like a card's number, in its value or its name, however deep.
pub(crate) fn found_in(arguments: &Value) -> Option<String> {
    match arguments {
        Value::Object(fields) => {
            let found = fields.iter().find(|(name, value)| looks_like_one(name) || holds_one(value))?;
            // A name that is a card's number is not repeated either.
            Some(if looks_like_one(found.0) { String::new() } else { found.0.clone() })
        }
        other => holds_one(other).then(String::new),
    }
}

fn holds_one(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => looks_like_one(&number.to_string()),
        Value::String(text) => looks_like_one(text),
        Value::Array(items) => items.iter().any(holds_one),
        Value::Object(fields) => fields.iter().any(|(name, value)| looks_like_one(name) || holds_one(value)),
    }
}

/// Whether a text holds 13 to 19 digits in a row whose last one checks the others, whatever people put between
/// digits.
#[must_use]
pub fn looks_like_one(text: &str) -> bool {
    let mut run: Vec<u32> = Vec::new();
    for c in text.chars() {
        if let Some(digit) = digit(c) {
            run.push(digit);
        } else if !stands_between_digits(c) {
            if has_one(&run) {
                return true;
            }
            run.clear();
        }
    }
    has_one(&run)
}

/// A digit in the scripts that keyboards and recognisers write numbers in.
fn digit(c: char) -> Option<u32> {
    let code = u32::from(c);
    c.to_digit(10).or_else(|| {
        [0x0660, 0x06F0, 0x0966, 0xFF10]
            .into_iter()
            .find_map(|zero| code.checked_sub(zero).filter(|at| *at < 10))
    })
}

fn stands_between_digits(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "-\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}.,_/\u{200b}".contains(c)
}

/// The whole run, or a part of a longer one that begins as cards do: a number of a payment service's own is long
/// enough for some part of it to check by chance.
fn has_one(run: &[u32]) -> bool {
    let whole = (13..=19).contains(&run.len()) && checks(run);
    let begins = |part: &[u32]| matches!(part.first(), Some(2..=6));
    whole || (13..=19).any(|length| run.windows(length).any(|part| begins(part) && checks(part)))
}

/// Luhn's sum.
fn checks(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    // Nothing but zeros checks as well, and is nobody's.
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Numbers that card companies publish for tests.
    const NUMBERS: [&str; 6] = [
        "4111111111111111",
        "5555555555554444",
        "378282246310005",
        "6011111111111117",
        "3530111333300000",
        "4222222222222",
    ];

    #[test]
    fn a_card_number_is_seen_however_it_is_written() {
        for number in NUMBERS {
            assert!(looks_like_one(number), "{number}");
            for between in [" ", "-", " - ", ".", "\u{2011}", "\n", "_", "\u{200b}"] {
                let spread: String =
                    number.chars().flat_map(|c| [c.to_string(), between.to_owned()]).collect();
                assert!(looks_like_one(&spread), "{spread:?}");
            }
            assert!(looks_like_one(&format!("card {number} please")));
            assert!(looks_like_one(&format!("99{number}1")), "hidden among other digits");
            let wide: String =
                number.chars().filter_map(|c| char::from_u32(u32::from(c) - 0x30 + 0xFF10)).collect();
            assert!(looks_like_one(&wide), "{wide}");
        }
    }

    #[test]
    fn what_is_no_card_number_is_taken() {
        for text in [
            "",
            "pi_3QabCDEF",
            "GW-2026-0001",
            "4111 1111",
            "+15550100010",
            "2026-11-24",
            "4111111111111100",
            "ch_1a2b3c",
        ] {
            assert!(!looks_like_one(text), "{text}");
        }
    }

    #[test]
    fn it_is_found_in_any_field_and_its_name_is_told_and_nothing_else() {
        let number = NUMBERS[0];
        assert_eq!(found_in(&json!({ "reference": number })).as_deref(), Some("reference"));
        assert_eq!(found_in(&json!({ "a": 1, "extra": { "deep": [number] } })).as_deref(), Some("extra"));
        assert_eq!(found_in(&json!({ "amount": 4_111_111_111_111_111_u64 })).as_deref(), Some("amount"));
        let named = json!({ "4111111111111111": "x" });
        assert_eq!(found_in(&named).as_deref(), Some(""));
        assert_eq!(found_in(&json!([number])).as_deref(), Some(""));
        assert_eq!(found_in(&json!({ "reference": "GW-1", "amount": 4_070 })), None);
    }

    proptest! {
        #[test]
        fn every_number_that_checks_is_seen_wherever_it_stands(
            body in proptest::collection::vec(0_u32..10, 12..=18),
            before in "[a-z ]{0,8}",
            after in "[a-z ]{0,8}",
        ) {
            prop_assume!(body.iter().any(|digit| *digit != 0));
            let check = (0..10).find(|check| {
                let mut whole = body.clone();
                whole.push(*check);
                checks(&whole)
            });
            let digits: String = body.iter().chain(&check).map(u32::to_string).collect();
            prop_assert!(looks_like_one(&format!("{before}{digits}{after}")), "{digits}");
        }
    }
}
