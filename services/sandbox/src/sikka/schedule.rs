//! `practice_schedule` rows and the slots feed (contract 4.2 and 4.5).

use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::{Date, Time};

use super::cloud::date;
use super::columns::WEEK;
use super::office::Office;
use super::pms::{Appointment, Pms, Week};
use super::profile::Rules;
use super::record::Record;

/// Weeks of schedule shown after the current one.
const WEEKS_AHEAD: i32 = 12;
/// Days of slots shown, today included.
const SLOT_DAYS: i32 = 14;
/// Minutes of one slot.
const UNIT: i16 = 30;

/// The Monday of a day's week.
pub fn monday(day: Date) -> Date {
    day.saturating_sub(i64::from(day.weekday().to_monday_zero_offset()).days())
}

/// The weekly rows of the practice, its chairs and its providers, from the week before the one of `monday`. A
/// holiday is marked on the practice's row alone: whoever computes free time has to read all three.
pub fn rows(office: &Office, monday: Date) -> Vec<Arc<Record>> {
    let pms = &office.pms;
    let mut rows = Vec::new();
    for week in -1..=WEEKS_AHEAD {
        let start = monday.saturating_add(week.weeks());
        let mut push = |kind: &str, id: &str, hours: &Week, holidays: &[Date]| {
            rows.push(Arc::new(row(office, start, (kind, id), hours, holidays)));
        };
        push("practice", &office.practice_id, &pms.hours, &pms.holidays);
        for chair in &pms.operatories {
            push("operatory", &chair.operatory, &pms.hours, &[]);
        }
        for provider in &pms.providers {
            push("provider", &provider.provider_id, &provider.hours, &[]);
        }
    }
    rows
}

fn row(office: &Office, start: Date, (kind, id): (&str, &str), hours: &Week, holidays: &[Date]) -> Record {
    let mut row = Record::of([
        ("href", format!("/practice_schedule?resource_id={id}&date={start}")),
        ("practice_id", office.practice_id.clone()),
        ("date", date(start)),
        ("cust_id", office.cust_id.clone()),
        ("resource_type", kind.to_owned()),
        ("resource_id", id.to_owned()),
    ]);
    for ([start_1, end_1, start_2, end_2, start_3, end_3, holiday], offset) in WEEK.into_iter().zip(0_i32..) {
        let day = start.saturating_add(offset.days());
        if holidays.contains(&day) {
            row.set(holiday, "True");
            continue;
        }
        row.set(holiday, "False");
        let columns = [(start_1, end_1), (start_2, end_2), (start_3, end_3)];
        for ((from_column, to_column), (from, to)) in columns.into_iter().zip(hours.on(day)) {
            row.set(from_column, clock(*from));
            row.set(to_column, clock(*to));
        }
    }
    row
}

/// The slots of `office` as its cloud copy sees them, empty for a PMS without the feed.
pub fn slot_rows(office: &Office, today: Date) -> Vec<Arc<Record>> {
    if !office.rules().slots {
        return Vec::new();
    }
    let mut rows = Vec::new();
    for offset in 0..SLOT_DAYS {
        let day = today.saturating_add(offset.days());
        for (provider, chair, start) in free(&office.pms, &office.cloud.booked, day) {
            rows.push(Arc::new(slot_row(office, rows.len(), (provider, chair), day, start)));
        }
    }
    rows
}

fn slot_row(
    office: &Office,
    index: usize,
    (provider, chair): (&str, &str),
    day: Date,
    start: Time,
) -> Record {
    let practice = &office.practice_id;
    Record::of([
        ("href", format!("/appointments_available_slots?provider_id={provider}")),
        ("provider_id", provider.to_owned()),
        ("provider_href", format!("/providers/{provider}")),
        ("practice_id", practice.clone()),
        ("practice_href", format!("/practices/{practice}")),
        ("date", date(day)),
        ("time", clock(start)),
        ("template_unit", UNIT.to_string()),
        ("template_type", "open".to_owned()),
        ("end_time", clock(start.saturating_add(UNIT.minutes()))),
        ("time_units", UNIT.to_string()),
        ("operatory", chair.to_owned()),
        ("sr_no", (index + 1).to_string()),
        ("cust_id", office.cust_id.clone()),
    ])
}

/// Whether the PMS itself has a free slot where `wanted` starts.
pub fn offers(pms: &Pms, rules: &Rules, wanted: &Appointment) -> bool {
    let stands = |held: &&Appointment| held.date == wanted.date && !rules.frees(&held.status);
    let booked: Vec<Appointment> = pms.appointments.values().filter(stands).cloned().collect();
    free(pms, &booked, wanted.date).iter().any(|(provider, chair, start)| {
        *provider == wanted.provider_id && *chair == wanted.operatory && *start == wanted.time
    })
}

/// Free slots of a day: the n-th bookable provider works in the n-th open chair.
fn free<'a>(pms: &'a Pms, booked: &[Appointment], day: Date) -> Vec<(&'a str, &'a str, Time)> {
    if pms.holidays.contains(&day) {
        return Vec::new();
    }
    let providers = pms.providers.iter().filter(|provider| provider.active && !provider.hidden);
    let chairs = pms.operatories.iter().filter(|chair| !chair.hidden);
    let mut slots = Vec::new();
    for (provider, chair) in providers.zip(chairs) {
        for (from, to) in provider.hours.on(day) {
            let (mut at, end) = (minutes(*from), minutes(*to));
            while at + UNIT <= end {
                let taken = booked.iter().filter(|held| held.date == day).any(|held| {
                    let (start, stop) = held.minutes();
                    (held.provider_id == provider.provider_id || held.operatory == chair.operatory)
                        && start < i64::from(at + UNIT)
                        && i64::from(at) < stop
                });
                if !taken {
                    let start = Time::midnight().saturating_add(i64::from(at).minutes());
                    slots.push((provider.provider_id.as_str(), chair.operatory.as_str(), start));
                }
                at += UNIT;
            }
        }
    }
    slots
}

fn minutes(time: Time) -> i16 {
    i16::from(time.hour()) * 60 + i16::from(time.minute())
}

fn clock(time: Time) -> String {
    time.strftime("%H:%M").to_string()
}
