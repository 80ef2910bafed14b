//! The quirks of the vendor's contract (7.4) as data: which there are, and what switches each of them on.

use serde::Serialize;
use serde_json::{Map, Value};

/// What makes a quirk show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// Nothing: the simulator is always so, as the vendor is.
    Always,
    /// Dials of `POST /admin/sikka/faults`, as JSON, which may stay on while everything else goes on.
    Dial(&'static str),
    /// Dials of the same kind that end what a client is doing: they are on for one question, not for a day.
    Moment(&'static str),
    /// A call of the admin API about one office: method, path after the office, body.
    Office(&'static str, &'static str, &'static str),
    /// What the offices are grown from: fields of `POST /admin/seed`.
    Seed(&'static str),
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Quirk {
    /// Its number in the contract.
    pub number: u8,
    /// What a client meets.
    pub says: &'static str,
    /// What switches it on.
    pub switch: Switch,
}

const fn quirk(number: u8, says: &'static str, switch: Switch) -> Quirk {
    Quirk { number, says, switch }
}

/// Every quirk of the contract's list, in its order.
pub const QUIRKS: &[Quirk] = &[
    quirk(1, "an expired key is 400 API1025, not 401", Switch::Dial(r#"{"key_calls": 40}"#)),
    quirk(2, "nothing found is 204 without a body", Switch::Dial(r#"{"empty_as_200": false}"#)),
    quirk(3, "every value is text, and null is empty", Switch::Always),
    quirk(4, "a list comes in an array of one", Switch::Dial(r#"{"array_wrapped": true}"#)),
    quirk(5, "an offset counts pages", Switch::Always),
    quirk(6, "the next link is empty at the end", Switch::Always),
    quirk(7, "the operatory is absent unless asked for", Switch::Always),
    quirk(8, "operatories fails without cust_id", Switch::Always),
    quirk(
        9,
        "practice_id repeats across offices and may be a composite such as 1-1",
        Switch::Dial(r#"{"composite_practice_ids": true}"#),
    ),
    quirk(10, "status words are the system's own, in mixed case", Switch::Seed(r#"{"fill": 0.9}"#)),
    quirk(11, "the id of a write stands in text only", Switch::Always),
    quirk(12, "a success carries an error_code", Switch::Always),
    quirk(13, "a 412 says why in log_message", Switch::Office("PUT", "/spu", r#"{"online": false}"#)),
    quirk(
        14,
        "writeback_status may be 401 while the write was accepted",
        Switch::Moment(r#"{"scopes_removed": ["writeback_status"]}"#),
    ),
    quirk(
        15,
        "is_completed is empty while a write is pending",
        Switch::Office("PUT", "/writeback", r#"{"mode": "never"}"#),
    ),
    quirk(16, "time stamps come in three styles", Switch::Always),
    quirk(17, "a location may be switched off", Switch::Office("PUT", "/install", r#"{"access_on": false}"#)),
    quirk(
        18,
        "a new install is API2010 and missing from authorized_practices",
        Switch::Office("PUT", "/install", r#"{"listed": false, "loaded": false}"#),
    ),
    quirk(19, "the slots feed is empty for most systems", Switch::Seed(r#"{"pms": ["open_dental"]}"#)),
    quirk(20, "inactive and hidden people and chairs are mixed in", Switch::Always),
    quirk(21, "a webhook says that something changed and carries no record", Switch::Always),
    quirk(
        22,
        "what was written is not read before the next refresh",
        Switch::Dial(r#"{"data_insert_seconds": 1}"#),
    ),
    quirk(23, "JSON calls itself HTML", Switch::Dial(r#"{"html_content_type": true}"#)),
    quirk(24, "HTTP 200 with API0008 is a failure", Switch::Moment(r#"{"status_not_logged": 1}"#)),
];

/// Every dial that may stay on, on: the body of `POST /admin/sikka/faults` for the worst of days.
#[must_use]
pub fn every_dial() -> Map<String, Value> {
    let dials = QUIRKS.iter().filter_map(|quirk| match quirk.switch {
        Switch::Dial(dials) => serde_json::from_str::<Map<String, Value>>(dials).ok(),
        _ => None,
    });
    dials.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sikka::faults::Faults;
    use crate::sikka::office::PlanChange;
    use crate::sikka::seed::Seed;

    #[test]
    fn every_quirk_of_the_contract_is_in_the_list_and_its_switch_is_one_that_exists() {
        let numbers: Vec<u8> = QUIRKS.iter().map(|quirk| quirk.number).collect();
        assert_eq!(numbers, (1..=24).collect::<Vec<u8>>());
        for quirk in QUIRKS {
            match quirk.switch {
                Switch::Always => {}
                Switch::Dial(dials) | Switch::Moment(dials) => {
                    let set: Map<String, Value> = serde_json::from_str(dials).unwrap();
                    let mut all = serde_json::to_value(Faults::default()).unwrap();
                    all.as_object_mut().unwrap().extend(set);
                    serde_json::from_value::<Faults>(all).unwrap();
                }
                Switch::Office(_, "/writeback", body) => {
                    serde_json::from_str::<PlanChange>(body).unwrap();
                }
                Switch::Office(method, path, body) => {
                    assert_eq!(method, "PUT");
                    assert!(["/spu", "/install"].contains(&path), "{path}");
                    serde_json::from_str::<Value>(body).unwrap();
                }
                Switch::Seed(body) => {
                    serde_json::from_str::<Seed>(body).unwrap();
                }
            }
        }
        assert!(every_dial().len() >= 6);
    }

    /// The names of the tests in a folder of sources.
    fn tests_in(folder: &std::path::Path, names: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                tests_in(&path, names);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let tests = text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
                names.extend(tests.map(str::to_owned));
            }
        }
    }

    /// Whether a name is that of a test about a quirk: `q05_q06_…`, `quirk_7_and_8_…`, `p3_quirk_14_…`.
    fn is_about(name: &str, number: u8) -> bool {
        let words: Vec<&str> = name.split('_').collect();
        let ours =
            words.iter().any(|word| word.strip_prefix('q').is_some_and(|rest| rest.parse() == Ok(number)));
        let theirs = words.iter().position(|word| *word == "quirk").is_some_and(|at| {
            words[at + 1..]
                .iter()
                .take_while(|word| **word == "and" || word.parse::<u8>().is_ok())
                .any(|word| word.parse() == Ok(number))
        });
        ours || theirs
    }

    #[test]
    fn every_quirk_has_a_test_that_the_sandbox_has_it_and_one_that_the_adapter_bears_it() {
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        tests_in(&here.join("tests"), &mut ours);
        tests_in(&here.join("../../crates/pms-sikka"), &mut theirs);
        for quirk in QUIRKS {
            let number = quirk.number;
            // Whoever takes the vendor's webhooks has its test for it: the adapter gets none.
            let at_the_door = number == 21;
            assert!(at_the_door || ours.iter().any(|name| is_about(name, number)), "the sandbox, {number}");
            assert!(at_the_door || theirs.iter().any(|name| is_about(name, number)), "the adapter, {number}");
        }
    }
}
