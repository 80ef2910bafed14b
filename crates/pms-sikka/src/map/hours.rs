//! `practice_schedule`: weekly rows of the practice, its clinicians and its chairs (contract 4.5).

use std::collections::BTreeSet;

use domain::{OpenHours, Resource, ResourceKind, Window};
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use super::time;
use crate::wire;

/// Who works when, in every week that a window touches.
pub(crate) struct Hours {
    /// The stretches, whole weeks of them: they may reach beyond the window asked for.
    pub(crate) open: Vec<OpenHours>,
    /// Those whose rows say that they do not work at all in these weeks. Without hours of their own they
    /// would otherwise follow the practice's.
    pub(crate) away: BTreeSet<Resource>,
}

/// Whose ids a schedule row may carry, for rows whose kind is a word we do not know.
pub(crate) struct Known<'a> {
    pub(crate) practice: &'a str,
    pub(crate) clinicians: BTreeSet<&'a str>,
    pub(crate) chairs: BTreeSet<&'a str>,
}

/// The hours of the weeks that `covers` touches. A holiday of the practice closes everybody.
pub(crate) fn hours(rows: &[wire::Schedule], known: &Known<'_>, covers: &Window, zone: &TimeZone) -> Hours {
    let (first, last) = time::days(covers, zone);
    let weeks: Vec<(Resource, Date, &wire::Schedule)> = rows
        .iter()
        .filter_map(|row| {
            let monday_or_sunday = time::date(row.column("date"))?;
            let end = monday_or_sunday.checked_add(6.days()).ok()?;
            (monday_or_sunday <= last && end >= first).then_some(())?;
            Some((resource(row, known)?, monday_or_sunday, row))
        })
        .collect();
    let holidays: BTreeSet<Date> = weeks
        .iter()
        .filter(|(whose, ..)| whose.kind == ResourceKind::Practice)
        .flat_map(|(_, start, row)| days(*start).filter(|day| is_holiday(row, day.weekday())))
        .collect();
    let mut open = Vec::new();
    for (whose, start, row) in &weeks {
        let working = days(*start).filter(|day| !holidays.contains(day) && !is_holiday(row, day.weekday()));
        for window in working.flat_map(|day| windows(row, day, zone)) {
            open.push(OpenHours { resource: whose.clone(), window });
        }
    }
    let working: BTreeSet<&Resource> = open.iter().map(|hours| &hours.resource).collect();
    let away = weeks
        .iter()
        .map(|(whose, ..)| whose)
        .filter(|whose| whose.kind != ResourceKind::Practice && !working.contains(whose))
        .cloned()
        .collect();
    Hours { open, away }
}

fn resource(row: &wire::Schedule, known: &Known<'_>) -> Option<Resource> {
    let id = row.column("resource_id").trim();
    let kind = match row.column("resource_type").trim().to_ascii_lowercase().as_str() {
        "practice" => ResourceKind::Practice,
        "provider" => ResourceKind::Clinician,
        "operatory" => ResourceKind::Chair,
        // The words are not documented: the id then tells.
        _ if known.clinicians.contains(id) => ResourceKind::Clinician,
        _ if known.chairs.contains(id) => ResourceKind::Chair,
        _ if id == known.practice => ResourceKind::Practice,
        _ => return None,
    };
    Some(Resource { kind, vendor_id: id.to_owned() })
}

fn days(start: Date) -> impl Iterator<Item = Date> {
    start.series(1.day()).take(7)
}

const fn name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}

fn is_holiday(row: &wire::Schedule, day: Weekday) -> bool {
    let word = row.0.get(&format!("{}_holiday", name(day)));
    // A mark in words we do not know closes the day.
    word.and_then(|word| word.filled().map(|_| word.flag() != Some(false))).unwrap_or(false)
}

fn windows<'a>(row: &'a wire::Schedule, day: Date, zone: &'a TimeZone) -> impl Iterator<Item = Window> + 'a {
    let name = name(day.weekday());
    (1..=3).filter_map(move |part| {
        let from = time::clock(row.column(&format!("{name}_start_{part}")))?;
        let to = time::clock(row.column(&format!("{name}_end_{part}")))?;
        time::open(day, from, to, zone)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("America/Chicago").unwrap()
    }

    fn rows() -> Vec<wire::Schedule> {
        serde_json::from_str(include_str!("../../tests/answers/practice_schedule_rows.json")).unwrap()
    }

    fn known() -> Known<'static> {
        Known { practice: "1", clinicians: ["DR1", "HY1"].into(), chairs: ["OP1"].into() }
    }

    fn covers(from: &str, to: &str) -> Window {
        Window::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
    }

    fn starts_of(hours: &Hours, id: &str) -> Vec<String> {
        hours.open.iter().filter(|h| h.resource.vendor_id == id).map(|h| h.window.start.to_string()).collect()
    }

    #[test]
    fn a_week_becomes_stretches_in_the_practices_zone_with_the_lunch_break_left_out() {
        let monday = covers("2026-06-01T05:00:00Z", "2026-06-02T05:00:00Z");
        let hours = hours(&rows(), &known(), &monday, &zone());
        let mine: Vec<_> = hours.open.iter().filter(|h| h.resource.vendor_id == "DR1").collect();
        assert_eq!(mine[0].window, covers("2026-06-01T13:00:00Z", "2026-06-01T17:00:00Z"));
        assert_eq!(mine[1].window, covers("2026-06-01T18:00:00Z", "2026-06-01T22:00:00Z"));
        assert_eq!(mine[0].resource.kind, ResourceKind::Clinician);
    }

    #[test]
    fn a_holiday_of_the_practice_closes_its_clinicians_and_chairs_too() {
        let wednesday = covers("2026-06-03T05:00:00Z", "2026-06-04T05:00:00Z");
        let hours = hours(&rows(), &known(), &wednesday, &zone());
        for id in ["1", "DR1", "OP1"] {
            let starts = starts_of(&hours, id);
            assert!(!starts.is_empty() && starts.iter().all(|at| !at.starts_with("2026-06-03")), "{id}");
        }
    }

    #[test]
    fn a_clinician_who_is_off_all_week_is_away_and_does_not_follow_the_practices_hours() {
        let monday = covers("2026-06-01T05:00:00Z", "2026-06-02T05:00:00Z");
        let hours = hours(&rows(), &known(), &monday, &zone());
        assert!(starts_of(&hours, "HY1").is_empty());
        let away: Vec<_> = hours.away.iter().map(|whose| whose.vendor_id.as_str()).collect();
        assert_eq!(away, ["HY1"]);
    }

    #[test]
    fn a_week_outside_the_window_is_left_out() {
        let later = covers("2026-07-06T05:00:00Z", "2026-07-07T05:00:00Z");
        assert!(hours(&rows(), &known(), &later, &zone()).open.is_empty());
    }
}
