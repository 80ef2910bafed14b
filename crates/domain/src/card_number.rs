//! What looks like a card's number is not taken down, not kept and not repeated.

mod spelled;

use serde_json::Value;

use spelled::{Run, runs};

/// What stands where something that looks like a card's number stood.
const STRUCK: &str = "[card number]";

/// How closely a field is looked at: what holds numbers of its own must not be refused for one that checks by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// Whatever somebody said.
    Text,
    /// An id of the practice's system: only what begins and is as long as a card's number.
    Id,
    /// A phone number: with its country it may be as long as a card's.
    Phone,
}

impl Care {
    fn of(field: &str) -> Self {
        match field {
            "phone" => Self::Phone,
            _ if field.ends_with("Id") || field == "id" => Self::Id,
            _ => Self::Text,
        }
    }
}

/// The first argument that holds something like a card's number, in its value or its name, however deep.
#[must_use]
pub fn found_in(arguments: &Value) -> Option<String> {
    match arguments {
        Value::Object(fields) => {
            let found = fields
                .iter()
                .find(|(name, value)| looks_like_one(name) || holds_one(value, Care::of(name)))?;
            // A name that is a card's number is not repeated either.
            Some(if looks_like_one(found.0) { String::new() } else { found.0.clone() })
        }
        other => holds_one(other, Care::Text).then(String::new),
    }
}

fn holds_one(value: &Value, care: Care) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => is_one(&number.to_string(), care),
        Value::String(text) => is_one(text, care),
        Value::Array(items) => items.iter().any(|item| holds_one(item, care)),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| looks_like_one(name) || holds_one(value, Care::Text))
        }
    }
}

/// Takes what looks like a card's number out of whatever is about to be kept.
pub fn strike(value: &mut Value) {
    strike_in(value, Care::Text);
}

fn strike_in(value: &mut Value, care: Care) {
    match value {
        Value::Null | Value::Bool(_) => {}
        // A moment in milliseconds has as many digits as the old short numbers.
        Value::Number(number) => {
            let digits = number.to_string();
            if digits.len() > 13 && is_one(&digits, care) {
                *value = STRUCK.into();
            }
        }
        Value::String(text) => {
            for run in runs(text).iter().rev().filter(|run| holds(run, care)) {
                text.replace_range(run.span.clone(), STRUCK);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strike_in(item, care)),
        Value::Object(fields) => {
            fields.iter_mut().for_each(|(name, value)| strike_in(value, Care::of(name)));
        }
    }
}

/// Whether a text holds the digits of a card's number, in digits or in words, whatever stands between them.
#[must_use]
pub fn looks_like_one(text: &str) -> bool {
    is_one(text, Care::Text)
}

fn is_one(text: &str, care: Care) -> bool {
    runs(text).iter().any(|run| holds(run, care))
}

fn holds(run: &Run, care: Care) -> bool {
    let digits: Vec<u32> = run.groups.concat();
    if (care == Care::Phone || run.plus) && digits.len() <= 14 {
        return false;
    }
    if care == Care::Text && run.groups.iter().any(|group| stands_alone(group)) {
        return true;
    }
    if are_phones(&run.groups) {
        return false;
    }
    // From the beginning of a group to the end of one: nobody dictates a card's number from the middle of another.
    let mut ends = vec![0];
    for group in &run.groups {
        ends.push(ends.last().unwrap_or(&0) + group.len());
    }
    ends.iter().any(|from| {
        ends.iter().filter(|to| (13..=19).contains(&to.saturating_sub(*from))).any(|to| {
            let part = digits.get(*from..*to).unwrap_or_default();
            // The old short numbers are seen where nothing stands beside them.
            (part.len() > 13 || part.len() == digits.len()) && begins_like_one(part) && checks(part)
        })
    })
}

/// Digits without anything between them: the whole, whoever issued it, or a part of something longer.
fn stands_alone(digits: &[u32]) -> bool {
    let whole = (13..=19).contains(&digits.len()) && checks(digits);
    let part = |length| digits.windows(length).any(|part| begins_like_one(part) && checks(part));
    whole || (13..=19).any(part)
}

/// Whether an issuer's numbers begin so and are of this length.
fn begins_like_one(digits: &[u32]) -> bool {
    let first = |many: usize| digits.iter().take(many).fold(0, |number, digit| number * 10 + digit);
    matches!(
        (digits.len(), first(2), first(4)),
        (13 | 16 | 19, 40..=49, _)
            | (15, 34 | 37, _)
            | (16, 50..=58 | 63 | 67, _)
            | (16, _, 2221..=2720)
            | (16..=19, 62 | 64 | 65, _)
            | (16..=19, _, 6011 | 3528..=3589)
            | (14 | 16, 36 | 38 | 39, _)
            | (14 | 16, _, 3000..=3059)
    )
}

/// Whether groups are phone numbers as North America writes them, one or several.
fn are_phones(groups: &[Vec<u32>]) -> bool {
    let lengths: Vec<usize> = groups.iter().map(Vec::len).collect();
    let mut rest = lengths.as_slice();
    while !rest.is_empty() {
        rest = match rest {
            [1, 3, 3, 4, rest @ ..] | [3, 3, 4, rest @ ..] | [1, 10, rest @ ..] | [10 | 11, rest @ ..] => {
                rest
            }
            _ => return false,
        };
    }
    true
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
    fn a_card_number_is_struck_out_of_what_is_kept_and_nothing_else_is() {
        let mut kept = json!({
            "message": { "timestamp": 1_764_504_000_000_i64, "call": { "id": "call-0199" } },
            "transcript": "My card is 4111 1111 1111 1111, thanks. Call 555 010 0177 on 2026-11-30.",
            "said": ["It is four one one one, one one one one, one one one one, one one one one, yes"],
            "arguments": r#"{"reference":"4111111111111111","amount":2500}"#,
            "number": 4_111_111_111_111_111_i64,
            "phone": "+15550100177",
        });
        strike(&mut kept);
        assert_eq!(
            kept,
            json!({
                "message": { "timestamp": 1_764_504_000_000_i64, "call": { "id": "call-0199" } },
                "transcript": "My card is [card number], thanks. Call 555 010 0177 on 2026-11-30.",
                "said": ["It is [card number], yes"],
                "arguments": r#"{"reference":"[card number]","amount":2500}"#,
                "number": "[card number]",
                "phone": "+15550100177",
            })
        );
    }

    #[test]
    fn a_card_number_is_seen_however_it_is_written() {
        for number in NUMBERS {
            assert!(looks_like_one(number), "{number}");
            for between in
                [" ", "-", " - ", ".", "\u{2011}", "\n", "_", "\u{200b}", ":", "; ", "*", "|", ")(", " # "]
            {
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
            // Numbers of other kinds, side by side: each of these checks by chance where it is run together.
            "512-555-0103, 512-555-0100",
            "5125550103 / 5125550100",
            "born 28/02/1985, call 555 010 0010",
            "+49 1512 3456786",
            "between 4 and 5 on the 16th, or 2026-11-24 at 13:30",
            "uno de los dos, el once o el doce, a las cuatro",
            "six or seven, once a week",
        ] {
            assert!(!looks_like_one(text), "{text}");
        }
    }

    #[test]
    fn a_card_number_is_seen_in_the_groups_that_people_say_it_in() {
        for text in [
            "my card is 4111 1111 1111 1111",
            "(4111) 1111: 1111; 1111",
            "it's 3782 822463 10005, thanks",
            "exp 12/27 4111-1111-1111-1111 123",
            "four one one one one one one one one one one one one one one one",
            "forty-one eleven, eleven eleven, eleven eleven, eleven eleven",
            "four triple one double one double one, 1111 1111",
            "cuatro uno uno uno uno uno uno uno uno uno uno uno uno uno uno uno",
            "cuarenta y uno once once once once once once once",
            "quatre un un un un un un un un un un un un un un un",
            "quarante et un onze onze onze onze onze onze onze",
            "cinquante-cinq cinquante-cinq 5555 5555 quarante-quatre quarante-quatre",
        ] {
            assert!(looks_like_one(text), "{text}");
        }
    }

    #[test]
    fn what_has_numbers_of_its_own_is_refused_only_for_what_is_surely_a_card() {
        let by_chance = "1000000000000008";
        assert!(checks(&by_chance.chars().filter_map(|c| c.to_digit(10)).collect::<Vec<_>>()));
        assert_eq!(found_in(&json!({ "patientId": by_chance })), None);
        assert_eq!(found_in(&json!({ "phone": "+49 1512 3456786" })), None);
        for field in ["patientId", "phone"] {
            assert_eq!(found_in(&json!({ field: NUMBERS[0] })).as_deref(), Some(field));
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
