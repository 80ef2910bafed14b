//! A second location in an office: the lists of chairs and of hours have no filter that keeps it out (contract 4.5).

use std::sync::Arc;

use super::columns::WEEK;
use super::office::Office;
use super::record::Record;

/// The id of the second location.
pub const PRACTICE: &str = "2";

/// The chairs of the second location.
pub fn chairs(office: &Office) -> Vec<Arc<Record>> {
    there(office, &office.cloud.operatories)
}

/// Its weeks. It works on Sundays, when the first one is closed, and some of its people are the first one's.
pub fn weeks(office: &Office) -> Vec<Arc<Record>> {
    there(office, &office.cloud.schedule)
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
    let chair = |id: &str| format!("B-{id}");
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
