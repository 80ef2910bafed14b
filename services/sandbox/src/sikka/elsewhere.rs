//! A second location in an office, with its people, in the same database: the lists of chairs and of hours have no
//! filter that keeps it out (contract 4.5).

use std::sync::Arc;

use super::call::Body;
use super::columns::WEEK;
use super::office::Office;
use super::record::Record;

/// The id of the second location.
pub const PRACTICE: &str = "2";

const CHAIR: &str = "B-";

/// The chairs of the second location.
pub fn chairs(office: &Office) -> Vec<Arc<Record>> {
    there(office, &office.cloud.operatories)
}

/// Its weeks. It works on Sundays, when the first one is closed, and some of its people are the first one's.
pub fn weeks(office: &Office) -> Vec<Arc<Record>> {
    there(office, &office.cloud.schedule)
}

/// Rows that every location has, once for each.
pub fn as_well(office: &Office, mut rows: Vec<Arc<Record>>) -> Vec<Arc<Record>> {
    if office.second_location {
        let twin = |row: &Arc<Record>| {
            let mut row = Record::clone(row);
            row.set("practice_id", PRACTICE);
            Arc::new(row)
        };
        rows.extend(rows.iter().map(twin).collect::<Vec<_>>());
    }
    rows
}

/// Whether the office has such a location.
pub fn has(office: &Office, practice_id: &str) -> bool {
    practice_id == office.practice_id || (office.second_location && practice_id == PRACTICE)
}

/// The location that a write names; empty: the first.
pub fn named(body: &Body) -> String {
    body.text("practice_id").filter(|id| id == PRACTICE).unwrap_or_default()
}

/// What a chair that a location books is called at the first.
pub fn chair_of<'c>(practice_id: &str, operatory: &'c str) -> Option<&'c str> {
    if practice_id.is_empty() { Some(operatory) } else { operatory.strip_prefix(CHAIR) }
}

fn there(office: &Office, rows: &[Arc<Record>]) -> Vec<Arc<Record>> {
    if !office.second_location {
        return Vec::new();
    }
    rows.iter().map(|row| Arc::new(moved(row))).collect()
}

fn moved(row: &Record) -> Record {
    let mut row = row.clone();
    row.set("practice_id", PRACTICE);
    let chair = |id: &str| format!("{CHAIR}{id}");
    if !row.get("operatory").is_empty() {
        row.set("operatory", chair(row.get("operatory")));
        return row;
    }
    match row.get("resource_type") {
        "practice" => row.set("resource_id", PRACTICE),
        "operatory" => row.set("resource_id", chair(row.get("resource_id"))),
        _ => {}
    }
    let [.., [start, end, .., holiday]] = WEEK;
    row.set(start, "07:00");
    row.set(end, "12:00");
    row.set(holiday, "False");
    row
}
