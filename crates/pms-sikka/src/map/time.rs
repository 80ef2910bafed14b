//! Wall-clock text without a zone, and moments (contract 3.5).
//!
//! Two nights a year a wall time names two moments, or none. Then what is busy is taken as long as it may
//! be, and what is open as short as it may be.

use domain::Window;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use windows_timezones::WindowsTimezone;

/// The IANA zone under a Windows name: `Eastern Standard Time`. An unknown name is no zone, never a guess.
pub(crate) fn zone_name(windows: &str) -> Option<&'static str> {
    windows.trim().parse().ok().map(WindowsTimezone::tzdb_id)
}

/// Whose phone numbers a practice in `iana` writes without a country.
pub(crate) fn country(iana: &str) -> &'static str {
    match iana {
        "Pacific/Auckland" | "Pacific/Chatham" => "NZ",
        _ if iana.starts_with("Australia/") => "AU",
        _ if CANADIAN.contains(&iana) => "CA",
        _ => "US",
    }
}

/// Zones of Canada. Most Windows names do not tell it from its neighbour: a practice's own country does, where the
/// vendor has it.
const CANADIAN: [&str; 10] = [
    "America/Edmonton",
    "America/Halifax",
    "America/Montreal",
    "America/Regina",
    "America/St_Johns",
    "America/Swift_Current",
    "America/Toronto",
    "America/Vancouver",
    "America/Whitehorse",
    "America/Winnipeg",
];

/// `2020-09-29T00:00:00` or `2020-09-29`.
pub(crate) fn date(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}

/// `14:30`, with or without seconds, or `2:30 PM`.
pub(crate) fn clock(text: &str) -> Option<Time> {
    ["%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p"]
        .iter()
        .find_map(|format| Time::strptime(format, text).ok())
}

/// The three styles the vendor writes a date with its time in.
pub(crate) fn stamp(text: &str) -> Option<DateTime> {
    ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y %I:%M:%S %p"]
        .iter()
        .find_map(|format| DateTime::strptime(format, text.get(..22).unwrap_or(text)).ok())
}

/// The first and the last moment that a wall time may mean; the same one on all but two nights a year.
fn moments(at: DateTime, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let ambiguous = zone.to_ambiguous_timestamp(at);
    Some((ambiguous.earlier().ok()?, ambiguous.later().ok()?))
}

/// `minutes` that are taken from a wall time on.
pub(crate) fn busy(at: DateTime, minutes: i64, zone: &TimeZone) -> Option<Window> {
    let (first, last) = moments(at, zone)?;
    Window::new(first, last.checked_add(SignedDuration::from_mins(minutes)).ok()?).ok()
}

/// From a wall time to the end of its day, taken.
pub(crate) fn busy_all_day_from(at: DateTime, zone: &TimeZone) -> Option<Window> {
    let (first, _) = moments(at, zone)?;
    let (_, end) = moments(at.date().tomorrow().ok()?.to_datetime(Time::midnight()), zone)?;
    Window::new(first, end).ok()
}

/// Open between two wall times of one day; an end of `00:00` is the end of the day.
pub(crate) fn open(day: Date, from: Time, to: Time, zone: &TimeZone) -> Option<Window> {
    let end = if to == Time::midnight() { day.tomorrow().ok()? } else { day };
    let (_, start) = moments(day.to_datetime(from), zone)?;
    let (end, _) = moments(end.to_datetime(to), zone)?;
    Window::new(start, end).ok()
}

/// The wall time of a moment, where that wall time, read back, is this moment again.
pub(crate) fn wall(at: Timestamp, zone: &TimeZone) -> Option<DateTime> {
    let wall = zone.to_datetime(at);
    let whole_minute = wall.second() == 0 && wall.subsec_nanosecond() == 0;
    (whole_minute && moments(wall, zone) == Some((at, at))).then_some(wall)
}

/// The days of the practice's calendar that a window touches.
pub(crate) fn days(covers: &Window, zone: &TimeZone) -> (Date, Date) {
    let last = covers.end.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(covers.start);
    (zone.to_datetime(covers.start).date(), zone.to_datetime(last).date())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_york() -> TimeZone {
        TimeZone::get("America/New_York").unwrap()
    }

    fn window(start: &str, end: &str) -> Option<Window> {
        Window::new(start.parse().unwrap(), end.parse().unwrap()).ok()
    }

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime {
        text.parse().unwrap()
    }

    #[test]
    fn a_windows_zone_is_its_iana_zone_and_an_unknown_name_is_none() {
        for (windows, iana) in [
            ("Eastern Standard Time", "America/New_York"),
            ("US Mountain Standard Time", "America/Phoenix"),
            ("Canada Central Standard Time", "America/Regina"),
            ("Newfoundland Standard Time", "America/St_Johns"),
            ("Hawaiian Standard Time", "Pacific/Honolulu"),
            ("AUS Eastern Standard Time", "Australia/Sydney"),
            ("E. Australia Standard Time", "Australia/Brisbane"),
            ("Cen. Australia Standard Time", "Australia/Adelaide"),
            ("W. Australia Standard Time", "Australia/Perth"),
            ("New Zealand Standard Time", "Pacific/Auckland"),
        ] {
            assert_eq!(zone_name(windows), Some(iana));
            assert!(TimeZone::get(iana).is_ok(), "{iana}");
        }
        assert_eq!(zone_name("Eastern Time"), None);
        assert_eq!(zone_name(""), None);
    }

    #[test]
    fn quirk_16_the_three_styles_of_a_time_stamp_read_the_same() {
        for text in
            ["2026-03-04T16:52:15", "2026-03-04 16:52:15", "3/4/2026 4:52:15 PM", "03/04/2026 04:52:15 PM"]
        {
            assert_eq!(stamp(text), Some(at("2026-03-04T16:52:15")), "{text}");
        }
        assert_eq!(stamp(""), None);
        assert_eq!(stamp("4 March"), None);
    }

    #[test]
    fn a_clock_reads_with_24_and_with_12_hours() {
        for text in ["14:30", "14:30:00", "2:30 PM", "02:30 PM"] {
            assert_eq!(clock(text), Some(jiff::civil::time(14, 30, 0, 0)), "{text}");
        }
        assert_eq!(clock("25:00"), None);
        assert_eq!(clock(""), None);
    }

    #[test]
    fn an_appointment_in_the_hour_that_comes_twice_is_busy_in_both() {
        let night = busy(at("2026-11-01T01:30"), 30, &new_york());
        assert_eq!(night, window("2026-11-01T05:30:00Z", "2026-11-01T07:00:00Z"));
    }

    #[test]
    fn an_appointment_in_the_hour_that_does_not_come_is_busy_before_and_after_it() {
        let night = busy(at("2026-03-08T02:30"), 30, &new_york());
        assert_eq!(night, window("2026-03-08T06:30:00Z", "2026-03-08T08:00:00Z"));
    }

    #[test]
    fn opening_hours_on_both_clock_change_nights_are_as_short_as_they_may_be() {
        let (one_thirty, half_past_two, noon) =
            (clock("01:30").unwrap(), clock("02:30").unwrap(), clock("12:00").unwrap());
        let autumn = open(day("2026-11-01"), one_thirty, noon, &new_york());
        assert_eq!(autumn, window("2026-11-01T06:30:00Z", "2026-11-01T17:00:00Z"));
        let spring = open(day("2026-03-08"), half_past_two, noon, &new_york());
        assert_eq!(spring, window("2026-03-08T07:30:00Z", "2026-03-08T16:00:00Z"));
    }

    #[test]
    fn a_day_ends_at_midnight_and_hours_that_end_before_they_start_are_none() {
        let (morning, midnight) = (clock("08:00").unwrap(), Time::midnight());
        let late = open(day("2026-06-01"), morning, midnight, &new_york());
        assert_eq!(late, window("2026-06-01T12:00:00Z", "2026-06-02T04:00:00Z"));
        assert_eq!(open(day("2026-06-01"), clock("17:00").unwrap(), morning, &new_york()), None);
    }

    #[test]
    fn a_moment_that_a_wall_clock_cannot_name_is_not_written() {
        let wall = |text: &str| wall(text.parse().unwrap(), &new_york());
        assert_eq!(wall("2026-06-01T13:30:00Z"), Some(at("2026-06-01T09:30")));
        assert_eq!(wall("2026-11-01T05:30:00Z"), None);
        assert_eq!(wall("2026-11-01T06:30:00Z"), None);
        assert_eq!(wall("2026-06-01T13:30:10Z"), None);
    }

    #[test]
    fn a_window_up_to_midnight_touches_one_day() {
        let whole = window("2026-06-01T04:00:00Z", "2026-06-02T04:00:00Z").unwrap();
        assert_eq!(days(&whole, &new_york()), (day("2026-06-01"), day("2026-06-01")));
    }
}
