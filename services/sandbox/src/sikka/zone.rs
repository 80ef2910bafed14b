//! Windows zone names, which is how the vendor names a practice's zone (contract 3.5), and local wall time.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The zones an office may be given: Windows name, IANA name.
pub const ZONES: [(&str, &str); 10] = [
    ("Eastern Standard Time", "America/New_York"),
    ("Central Standard Time", "America/Chicago"),
    ("Mountain Standard Time", "America/Denver"),
    ("US Mountain Standard Time", "America/Phoenix"),
    ("Pacific Standard Time", "America/Los_Angeles"),
    ("Alaskan Standard Time", "America/Anchorage"),
    ("Hawaiian Standard Time", "Pacific/Honolulu"),
    ("Atlantic Standard Time", "America/Halifax"),
    ("Canada Central Standard Time", "America/Regina"),
    ("UTC", "UTC"),
];

/// The zone of a Windows name, `None` for a name outside [`ZONES`].
pub fn from_windows(name: &str) -> Option<TimeZone> {
    let (_, iana) = ZONES.iter().find(|(windows, _)| *windows == name)?;
    TimeZone::get(iana).ok()
}

/// The wall clock of `zone` at `at`, cut to whole seconds because no vendor field carries fractions.
pub fn local(at: Timestamp, zone: &TimeZone) -> DateTime {
    let wall = zone.to_datetime(at);
    wall.with().subsec_nanosecond(0).build().unwrap_or(wall)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_zone_is_known_to_the_bundled_database() {
        for (windows, _) in ZONES {
            assert!(from_windows(windows).is_some(), "{windows}");
        }
    }
}
