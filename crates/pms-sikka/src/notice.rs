//! What the vendor tells by webhook (contract section 9). It is untrusted: what is acted on is asked for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::map::time;
use crate::wire::Text;

/// The longest id an office may have.
const LONGEST_ID: usize = 40;

/// A clinic bought the application, or cancelled it: flat JSON in PascalCase, unsigned (9.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallNotice {
    /// The customer: `D12345`.
    pub office: String,
    /// What became of the install.
    pub says: Says,
    /// The date it bears, of the purchase or of the cancellation. Its zone is not told: UTC.
    pub told_at: Option<Timestamp>,
    /// The date names a day and no time of it.
    pub is_day: bool,
}

/// What an install notice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// The clinic has the application.
    Bought,
    /// It has it no more.
    Cancelled,
    /// Something in words that nobody knows.
    Unclear,
}

impl Says {
    /// Which words there are is not documented. A cancellation that is none would take a clinic off the air, and a
    /// purchase that is none would have it billed: only known words count, or the date where there is no word at all.
    fn of(status: &str, has_end: bool) -> Self {
        match status.trim().to_ascii_lowercase().as_str() {
            "" if has_end => Self::Cancelled,
            "" | "active" | "purchased" | "purchase" | "new" | "installed" | "install" | "enabled" => {
                Self::Bought
            }
            word if word.contains("cancel") => Self::Cancelled,
            _ => Self::Unclear,
        }
    }
}

/// Something is new in the copy of a practice (9.1). What it is has to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeNotice {
    /// The customer: `D12345`.
    pub office: String,
    /// The location inside the office; `None`: it does not say.
    pub location: Option<String>,
    /// The whole copy is new, and not only records of one kind in it.
    pub is_refresh: bool,
}

impl ChangeNotice {
    /// Whether it is about the location that the vendor lists as `practice_id`: `1-1` elsewhere is `1` here.
    #[must_use]
    pub fn is_about(&self, practice_id: &str) -> bool {
        let last = |id: &str| id.rsplit('-').next().unwrap_or_default().to_owned();
        self.location.as_deref().is_none_or(|told| {
            told == practice_id
                || (told.contains('-') != practice_id.contains('-') && last(told) == last(practice_id))
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Install {
    #[serde(rename = "MasterCustomerID")]
    office: Text,
    #[serde(rename = "Status")]
    status: Text,
    #[serde(rename = "PurchaseDate")]
    purchased: Text,
    #[serde(rename = "CancelDate")]
    cancelled: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Change {
    event: Text,
    office_id: Text,
    practice_id: Text,
}

/// Fields of an install notice that name nobody and open nothing.
const KEPT: [&str; 9] = [
    "Source",
    "MasterCustomerID",
    "Order#",
    "PartnerServiceName",
    "Status",
    "PurchaseDate",
    "CancelDate",
    "PartnerRegistrationID",
    "PracticeName",
];

impl InstallNotice {
    /// Reads a notice; `None`: it is none.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let raw: Install = serde_json::from_slice(body).ok()?;
        let says = Says::of(raw.status.str(), date(&raw.cancelled).is_some());
        let told = date(if says == Says::Cancelled { &raw.cancelled } else { &raw.purchased });
        Some(Self {
            office: id(&raw.office)?,
            says,
            told_at: told.map(|(at, _)| at),
            is_day: told.is_some_and(|(_, is_day)| is_day),
        })
    }

    /// What may be kept of a notice: neither people nor keys.
    #[must_use]
    pub fn redacted(body: &[u8]) -> Vec<u8> {
        let mut fields: BTreeMap<String, Text> = serde_json::from_slice(body).unwrap_or_default();
        fields.retain(|name, _| KEPT.contains(&name.as_str()));
        let kept: BTreeMap<&str, &str> =
            fields.iter().map(|(name, text)| (name.as_str(), text.str())).collect();
        serde_json::to_vec(&kept).unwrap_or_default()
    }
}

impl ChangeNotice {
    /// Reads a notice; `None`: it is none.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let raw: Change = serde_json::from_slice(body).ok()?;
        let kind = raw.event.str().to_ascii_lowercase();
        Some(Self {
            office: id(&raw.office_id)?,
            location: raw.practice_id.filled().map(str::to_owned),
            is_refresh: kind.is_empty() || kind.contains("refresh"),
        })
    }
}

/// An id that may be asked for and shown. However it is written, it is one office.
fn id(text: &Text) -> Option<String> {
    let id = text.filled()?;
    let plain = id.len() <= LONGEST_ID && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    plain.then(|| id.to_ascii_uppercase())
}

/// A day or a moment that somebody meant, and whether it is a day: `1111-11-11` and the like stand for none.
fn date(text: &Text) -> Option<(Timestamp, bool)> {
    let text = text.str();
    let (wall, is_day) = match time::stamp(text) {
        Some(wall) => (wall, !text.contains(':')),
        None => {
            let day = time::date(text).or_else(|| Date::strptime("%m/%d/%Y", text).ok())?;
            (DateTime::from(day), true)
        }
    };
    let at = wall.to_zoned(TimeZone::UTC).ok()?;
    (wall.year() > 2000).then(|| (at.timestamp(), is_day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &serde_json::Value) -> Option<InstallNotice> {
        InstallNotice::read(body.to_string().as_bytes())
    }

    #[test]
    fn a_purchase_and_a_cancellation_are_told_apart_and_dated() {
        let bought = serde_json::json!({
            "Source": "Sikka", "MasterCustomerID": "D10001", "Status": "Active",
            "PurchaseDate": "2026-11-20T09:30:00", "CancelDate": "",
        });
        let notice = read(&bought).unwrap();
        assert!(notice.says == Says::Bought && notice.office == "D10001", "{notice:?}");
        assert_eq!(notice.told_at, Some("2026-11-20T09:30:00Z".parse().unwrap()));
        let gone = serde_json::json!({
            "MasterCustomerID": "D10001", "Status": "Cancelled", "PurchaseDate": "2026-11-20", "CancelDate": "12/01/2026",
        });
        let notice = read(&gone).unwrap();
        assert_eq!(notice.says, Says::Cancelled);
        assert_eq!(notice.told_at, Some("2026-12-01T00:00:00Z".parse().unwrap()));
        assert_eq!(
            read(&serde_json::json!({ "MasterCustomerID": "D1", "CancelDate": "1111-11-11" }))
                .unwrap()
                .told_at,
            None
        );
    }

    #[test]
    fn only_known_words_are_a_purchase_or_a_cancellation_whatever_stands_in_the_dates() {
        for (status, end, says) in [
            ("Active", "", Says::Bought),
            (" NEW ", "", Says::Bought),
            ("Purchased", "2026-12-01", Says::Bought),
            ("", "", Says::Bought),
            ("", "1111-11-11", Says::Bought),
            ("", "2026-12-01", Says::Cancelled),
            ("Canceled", "", Says::Cancelled),
            ("Cancellation pending", "", Says::Cancelled),
            ("Inactive", "2026-12-01", Says::Unclear),
            ("Suspended", "2026-12-01", Says::Unclear),
            ("Expired", "", Says::Unclear),
            ("Terminated", "", Says::Unclear),
            ("Refunded", "", Says::Unclear),
            ("Declined", "", Says::Unclear),
            ("Renewed", "2027-12-01", Says::Unclear),
        ] {
            let body = serde_json::json!({
                "MasterCustomerID": "D1", "Status": status, "PurchaseDate": "2026-11-20", "CancelDate": end,
            });
            assert_eq!(read(&body).unwrap().says, says, "{status:?} {end:?}");
        }
    }

    #[test]
    fn what_names_no_office_that_could_be_one_is_no_notice() {
        for body in ["", "[]", "{}", r#"{"MasterCustomerID":""}"#, r#"{"MasterCustomerID":"../x"}"#] {
            assert_eq!(InstallNotice::read(body.as_bytes()), None, "{body}");
        }
        let long = serde_json::json!({ "MasterCustomerID": "D".repeat(50) });
        assert_eq!(read(&long), None);
    }

    #[test]
    fn p8_neither_people_nor_keys_of_a_notice_are_kept() {
        let body = serde_json::json!({
            "MasterCustomerID": "D10001", "FirstName": "Ada", "EmailAddress": "ada@example.com",
            "SPUInstallationKey": "open-sesame", "Status": "Active",
        });
        let kept = String::from_utf8(InstallNotice::redacted(body.to_string().as_bytes())).unwrap();
        assert_eq!(kept, r#"{"MasterCustomerID":"D10001","Status":"Active"}"#);
        assert_eq!(InstallNotice::redacted(b"nothing"), b"{}");
    }

    #[test]
    fn a_change_names_its_location_as_a_number_or_as_text() {
        let of = |id: &str| {
            ChangeNotice::read(format!(r#"{{"office_id":"D10001","practice_id":{id}}}"#).as_bytes())
        };
        let one = ChangeNotice { office: "D10001".into(), location: Some("1".into()), is_refresh: true };
        assert_eq!((of("1"), of("\"1\"")), (Some(one.clone()), Some(one)));
        assert_eq!(of("\"\"").unwrap().location, None);
    }

    #[test]
    fn a_change_of_location_1_is_about_the_one_that_is_listed_as_1_1() {
        let told = |id: &str| {
            ChangeNotice::read(format!(r#"{{"office_id":"d10001","practice_id":{id}}}"#).as_bytes())
        };
        let one = told("1").unwrap();
        assert_eq!(one.office, "D10001", "an office is one however its id is written");
        for (listed, is_about) in [("1", true), ("1-1", true), ("2-1", true), ("1-0", false), ("2", false)] {
            assert_eq!(one.is_about(listed), is_about, "{listed}");
        }
        assert!(told("\"1-1\"").unwrap().is_about("1") && !told("\"1-1\"").unwrap().is_about("2-1"));
        assert!(told("null").is_none_or(|all| all.is_about("2-1")));
    }

    #[test]
    fn a_date_without_a_time_says_that_it_is_a_day() {
        let of = |date: &str| {
            read(&serde_json::json!({ "MasterCustomerID": "D1", "Status": "Cancelled", "CancelDate": date }))
                .unwrap()
        };
        for (date, is_day) in
            [("2026-11-20", true), ("11/20/2026", true), ("2026-11-20T09:30:00", false), ("", false)]
        {
            assert_eq!(of(date).is_day, is_day, "{date}");
        }
    }
}
