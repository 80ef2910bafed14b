//! Invented appointments: two weeks back, some weeks ahead, with plenty of time left.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday, time};
use rand::RngExt;
use rand::rngs::StdRng;

use super::days;
use crate::sikka::pms::{Appointment, Pms};
use crate::sikka::profile::Rules;

const WORDS: [&str; 5] = ["Exam and cleaning", "Filling", "Crown prep", "Recall", "New patient exam"];
const MADE: Time = time(10, 15, 0, 0);

/// The practice's one holiday: the Friday of the week after next.
pub(super) fn friday_after_next(today: Date) -> Date {
    let monday = today.saturating_sub(i64::from(today.weekday().to_monday_zero_offset()).days());
    monday.saturating_add(18.days())
}

/// Fills the diary from two weeks ago on. A freed appointment is left in now and then, because lists keep them.
pub(super) fn fill(
    pms: &mut Pms,
    rules: &'static Rules,
    today: Date,
    weeks: u32,
    share: f64,
    rng: &mut StdRng,
) {
    let patients: Vec<u64> = pms.patients.keys().copied().collect();
    if patients.is_empty() {
        return;
    }
    let pairs = [("DR1", "OP1"), ("DR2", "OP2"), ("HYG1", "OP3")];
    let from = today.saturating_sub(14.days());
    for day in days(from, 14 + 7 * weeks) {
        if pms.holidays.contains(&day) || matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
            continue;
        }
        for (provider, chair) in pairs {
            let spans = pms
                .providers
                .iter()
                .find(|known| known.provider_id == provider)
                .map(|known| known.hours.on(day).to_vec())
                .unwrap_or_default();
            for (start, end) in spans {
                let mut at = start;
                while at < end {
                    let length = [30, 30, 45, 60][rng.random_range(0..4_usize)];
                    let stop = at.saturating_add(length.minutes());
                    if stop > end {
                        break;
                    }
                    if rng.random_bool(share) {
                        let patient = patients[rng.random_range(0..patients.len())];
                        let slot = Slot { day, at, length, provider, chair };
                        add(pms, rules, patient, &slot, today, rng);
                    }
                    at = stop;
                }
            }
        }
    }
}

struct Slot<'a> {
    day: Date,
    at: Time,
    length: i64,
    provider: &'a str,
    chair: &'a str,
}

fn add(pms: &mut Pms, rules: &'static Rules, patient: u64, slot: &Slot<'_>, today: Date, rng: &mut StdRng) {
    let freed = rng.random_bool(0.06);
    let status = match (freed, slot.day < today) {
        // Real lists mix the case of their own words.
        (true, _) if rng.random_bool(0.5) => rules.cancelled.to_uppercase(),
        (true, _) => rules.cancelled.to_owned(),
        (false, true) => rules.complete.to_owned(),
        (false, false) => rules.booked.to_owned(),
    };
    let made = slot.day.saturating_sub(i64::from(rng.random_range(15_u8..60)).days());
    let id = pms.next_appointment_id();
    let appointment = Appointment {
        appointment_sr_no: id,
        practice_id: String::new(),
        patient_id: patient,
        provider_id: slot.provider.to_owned(),
        operatory: slot.chair.to_owned(),
        date: slot.day,
        time: slot.at,
        length: slot.length,
        status,
        kind: rules.types[rng.random_range(0..rules.types.len())].to_owned(),
        description: WORDS[rng.random_range(0..WORDS.len())].to_owned(),
        note: String::new(),
        procedure_codes: String::new(),
        made,
        last_changed: DateTime::from_parts(made, MADE),
    };
    pms.appointments.insert(id, appointment);
}
