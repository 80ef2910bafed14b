//! `practice_schedule`: weekly rows of the practice, its clinicians and its chairs (contract 4.5).

use std::collections::BTreeSet;

use domain::{OpenHours, Resource, ResourceKind, Window};
use jiff::ToSpan;
use jiff::civil::{Date, Time, Weekday};
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
    pub(crate) database: &'a str,
    pub(crate) clinicians: BTreeSet<&'a str>,
    pub(crate) chairs: BTreeSet<&'a str>,
}

/// One week of the practice, a clinician or a chair. An office has hundreds of them and a row of the vendor's some
/// seventy columns, so this is what is remembered of it.
pub(crate) struct Week {
    whose: Resource,
    start: Date,
    holidays: Vec<Date>,
    /// By the clock on the wall.
    open: Vec<(Date, Time, Time)>,
}

/// The weeks of `rows`, without those of nobody that is known and those without a date.
pub(crate) fn weeks(rows: &[wire::Schedule], known: &Known<'_>) -> Vec<Week> {
    let week = |row: &wire::Schedule| {
        let start = time::date(row.column("date"))?;
        let whose = resource(row, known)?;
        let holidays = days(start).filter(|day| is_holiday(row, day.weekday())).collect();
        let open = days(start).flat_map(|day| clocks(row, day).map(move |(from, to)| (day, from, to)));
        Some(Week { whose, start, holidays, open: open.collect() })
    };
    rows.iter().filter_map(week).collect()
}

impl Week {
    fn is_within(&self, first: Date, last: Date) -> bool {
        let end = self.start.checked_add(6.days());
        end.is_ok_and(|end| self.start <= last && end >= first)
    }

    fn closes(&self, day: Date) -> bool {
        // By the clock on the wall: hours that a night skips leave the day's others as they are.
        self.holidays.contains(&day) || !self.open.iter().any(|(of, ..)| *of == day)
    }
}

/// The hours of the weeks that `covers` touches. A day on which the practice has a holiday, or no hours in a week
/// that it has a row for, is closed for everybody: otherwise a practice that is shut for weeks would look like one
/// that keeps no hours of its own.
pub(crate) fn hours(weeks: &[Week], covers: &Window, zone: &TimeZone) -> Hours {
    let (first, last) = time::days(covers, zone);
    let weeks: Vec<&Week> = weeks.iter().filter(|week| week.is_within(first, last)).collect();
    let holidays: BTreeSet<Date> = weeks
        .iter()
        .filter(|week| week.whose.kind == ResourceKind::Practice)
        .flat_map(|week| days(week.start).filter(|day| week.closes(*day)))
        .collect();
    let mut open = Vec::new();
    for week in &weeks {
        let working = |day: &Date| !holidays.contains(day) && !week.holidays.contains(day);
        let stretches = week.open.iter().filter(|(day, ..)| working(day));
        for window in stretches.filter_map(|(day, from, to)| time::open(*day, *from, *to, zone)) {
            open.push(OpenHours { resource: week.whose.clone(), window });
        }
    }
    let working: BTreeSet<&Resource> = open.iter().map(|hours| &hours.resource).collect();
    let away = weeks
        .iter()
        .map(|week| &week.whose)
        .filter(|whose| whose.kind != ResourceKind::Practice && !working.contains(whose))
        .cloned()
        .collect();
    Hours { open, away }
}

fn resource(row: &wire::Schedule, known: &Known<'_>) -> Option<Resource> {
    let id = row.column("resource_id").trim();
    let kind = match row.column("resource_type").trim().to_ascii_lowercase().as_str() {
        // One without an id is ours: those of other locations say whose they are.
        "practice" if id.is_empty() || super::is_of_practice(id, known.database, known.practice) => {
            ResourceKind::Practice
        }
        "practice" => return None,
        "provider" => ResourceKind::Clinician,
        "operatory" => ResourceKind::Chair,
        // The words are not documented: the id then tells.
        _ if known.clinicians.contains(id) => ResourceKind::Clinician,
        _ if known.chairs.contains(id) => ResourceKind::Chair,
        _ if super::is_of_practice(id, known.database, known.practice) => ResourceKind::Practice,
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

fn clocks(row: &wire::Schedule, day: Date) -> impl Iterator<Item = (Time, Time)> + '_ {
    let name = name(day.weekday());
    (1..=3).filter_map(move |part| {
        let from = time::clock(row.column(&format!("{name}_start_{part}")))?;
        let to = time::clock(row.column(&format!("{name}_end_{part}")))?;
        (from < to || to == Time::midnight()).then_some((from, to))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("America/Chicago").unwrap()
    }

    fn rows() -> Vec<wire::Schedule> {
        serde_json::from_str(include_str!("../../tests/answers/practice_schedule_rows.json")).unwrap()
    }

    fn hours(rows: &[wire::Schedule], known: &Known<'_>, covers: &Window, zone: &TimeZone) -> Hours {
        super::hours(&weeks(rows, known), covers, zone)
    }

    fn known() -> Known<'static> {
        Known { practice: "1", database: "7", clinicians: ["DR1", "HY1"].into(), chairs: ["OP1"].into() }
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
    fn a_practice_that_is_shut_all_week_is_shut_for_its_clinicians_too() {
        let practice =
            serde_json::json!({ "resource_id": "1", "resource_type": "practice", "date": "2026-06-01" });
        let clinician = serde_json::json!({
            "resource_id": "DR1", "resource_type": "provider", "date": "2026-06-01",
            "tuesday_start_1": "08:00", "tuesday_end_1": "12:00",
        });
        let rows: Vec<wire::Schedule> =
            serde_json::from_value(serde_json::json!([practice, clinician])).unwrap();
        let week = covers("2026-06-01T05:00:00Z", "2026-06-06T05:00:00Z");
        assert!(hours(&rows, &known(), &week, &zone()).open.is_empty());
    }

    /// What is drawn for one resource and one week: its parts of a day in quarters of an hour, and its holidays.
    type Drawn = (usize, Vec<(usize, u32, u32)>, Vec<usize>);

    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

    fn row(
        whose: (&str, &str),
        week: Date,
        parts: &[(usize, u32, u32)],
        holidays: &[usize],
    ) -> serde_json::Value {
        let mut row = serde_json::json!({
            "resource_id": whose.1, "resource_type": whose.0, "date": week.to_string(),
        });
        let clock = |quarter: u32| format!("{:02}:{:02}", quarter / 4 % 24, quarter % 4 * 15);
        let mut taken = [0; 7];
        for (day, from, to) in parts {
            taken[*day] += 1;
            row[format!("{}_start_{}", NAMES[*day], taken[*day])] = clock(*from).into();
            row[format!("{}_end_{}", NAMES[*day], taken[*day])] = clock(*to).into();
        }
        for day in holidays {
            row[format!("{}_holiday", NAMES[*day])] = "True".into();
        }
        row
    }

    fn any_week() -> impl Strategy<Value = Drawn> {
        let part = (0_usize..7, 0_u32..95, 1_u32..60)
            .prop_map(|(day, from, length)| (day, from, (from + length).min(96)));
        (0_usize..3, proptest::collection::vec(part, 0..12), proptest::collection::vec(0_usize..7, 0..2))
            .prop_map(|(whose, parts, holidays)| {
                let mut kept: Vec<(usize, u32, u32)> = Vec::new();
                for part in parts {
                    if kept.iter().filter(|one| one.0 == part.0).count() < 3 {
                        kept.push(part);
                    }
                }
                (whose, kept, holidays)
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

        /// Every minute that is called open is inside the hours by the wall clock, on no holiday and in no break; and
        /// the other way round, but for the hour of a night that passes twice or not at all.
        #[test]
        fn p4_open_is_what_the_wall_clock_says_on_both_nights_in_every_zone(
            drawn in proptest::collection::vec(any_week(), 1..5), zone in 0_usize..6, autumn in any::<bool>(),
        ) {
            let zone = ["America/New_York", "America/St_Johns", "Europe/London", "Australia/Lord_Howe", "Asia/Beirut", "America/Phoenix"][zone];
            let zone = TimeZone::get(zone).unwrap();
            let year: jiff::Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
            let moves = zone.following(year).nth(usize::from(autumn)).map_or(year, |moves| moves.timestamp());
            let monday = zone.to_datetime(moves).date().nth_weekday(-1, Weekday::Monday).unwrap();
            let whose = [("practice", "1"), ("provider", "DR1"), ("operatory", "OP1")];
            let rows: Vec<serde_json::Value> =
                drawn.iter().map(|(who, parts, holidays)| row(whose[*who], monday, parts, holidays)).collect();
            let rows: Vec<wire::Schedule> = serde_json::from_value(serde_json::Value::Array(rows)).unwrap();
            let at = |day: i64| monday.checked_add(day.days()).unwrap().to_zoned(zone.clone()).unwrap().timestamp();
            let week = Window::new(at(0), at(7)).unwrap();
            let known = Known { practice: "1", database: "7", clinicians: ["DR1"].into(), chairs: ["OP1"].into() };
            let hours = hours(&rows, &known, &week, &zone);

            let day_is = |day: usize, keep: &dyn Fn(&Drawn) -> bool| {
                drawn.iter().any(|one| one.0 == 0 && keep(one) && day < 7)
            };
            for (number, (_, id)) in whose.iter().enumerate() {
                let mut at = week.start;
                while at < week.end {
                    let wall = zone.to_datetime(at);
                    let (day, quarter) = (usize::try_from(wall.date().weekday().to_monday_zero_offset()).unwrap(),
                        u32::try_from(i32::from(wall.hour()) * 4 + i32::from(wall.minute()) / 15).unwrap());
                    // A row of the practice that closes the day closes it for all.
                    let closed = day_is(day, &|one| one.2.contains(&day) || !one.1.iter().any(|part| part.0 == day));
                    let open = !closed && drawn.iter().any(|(who, parts, holidays)| {
                        *who == number && !holidays.contains(&day)
                            && parts.iter().any(|(of, from, to)| *of == day && *from <= quarter && quarter < *to)
                    });
                    let said = hours.open.iter().any(|row| row.resource.vendor_id == *id && row.window.start <= at && at < row.window.end);
                    prop_assert!(open || !said, "{id} is called open at {wall}");
                    let odd = moves - 3.hours() <= at && at <= moves + 3.hours();
                    prop_assert!(said || !open || odd, "{id} is called closed at {wall}");
                    at += 15.minutes();
                }
            }
        }
    }

    #[test]
    fn hours_that_a_night_skips_close_no_other_hours_of_the_day() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let monday = jiff::civil::date(2027, 3, 8);
        let weeks = [(6, 4, 8), (6, 14, 26)].map(|part| row(("practice", "1"), monday, &[part], &[]));
        let rows: Vec<wire::Schedule> = serde_json::from_value(serde_json::json!(weeks)).unwrap();
        let sunday = covers("2027-03-14T05:00:00Z", "2027-03-15T04:00:00Z");
        let open = hours(&rows, &known(), &sunday, &zone).open;
        assert_eq!(
            open.into_iter().map(|hours| hours.window).collect::<Vec<_>>(),
            [covers("2027-03-14T07:30:00Z", "2027-03-14T10:30:00Z")]
        );
    }

    #[test]
    fn a_day_marked_in_words_that_nobody_knows_is_a_holiday() {
        let monday = jiff::civil::date(2026, 6, 1);
        for (mark, open) in
            [("Thanksgiving", false), ("True", false), ("1", false), ("False", true), ("", true)]
        {
            let mut week = row(("practice", "1"), monday, &[(0, 36, 48)], &[]);
            week["monday_holiday"] = mark.into();
            let rows: Vec<wire::Schedule> = serde_json::from_value(serde_json::json!([week])).unwrap();
            let covers = covers("2026-06-01T05:00:00Z", "2026-06-02T05:00:00Z");
            assert_eq!(!hours(&rows, &known(), &covers, &zone()).open.is_empty(), open, "{mark}");
        }
    }

    #[test]
    fn a_week_outside_the_window_is_left_out() {
        let later = covers("2026-07-06T05:00:00Z", "2026-07-07T05:00:00Z");
        assert!(hours(&rows(), &known(), &later, &zone()).open.is_empty());
    }
}
