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

/// For so many days the people with a story have no appointment: whatever they book then, on whatever day a call is
/// played, they are not somewhere else.
const THEIR_OWN: i64 = 21;

/// How much is in a diary.
#[derive(Clone, Copy)]
pub(super) struct Diary {
    /// Weeks ahead that have appointments.
    pub(super) weeks: u32,
    /// How much of each day is taken, from 0 to 1.
    pub(super) share: f64,
    /// The first so many patients have a story.
    pub(super) stories: usize,
}

/// Fills the diary from two weeks ago on. A freed appointment is left in now and then, because lists keep them.
pub(super) fn fill(pms: &mut Pms, rules: &'static Rules, today: Date, diary: Diary, rng: &mut StdRng) {
    let Diary { weeks, share, stories } = diary;
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
                        let drawn = rng.random_range(0..patients.len());
                        let patient = patients[in_place_of(drawn, day, today, (stories, patients.len()))];
                        let slot = Slot { day, at, length, provider, chair };
                        add(pms, rules, patient, &slot, today, rng);
                    }
                    at = stop;
                }
            }
        }
    }
}

/// Who comes on a day for whom the lot fell on.
fn in_place_of(drawn: usize, day: Date, today: Date, (stories, all): (usize, usize)) -> usize {
    let is_soon = day >= today && day < today.saturating_add(THEIR_OWN.days());
    if is_soon && drawn < stories && stories < all { stories + drawn % (all - stories) } else { drawn }
}

/// Gives a patient two appointments later on, for calls that move and call off what is there.
pub(super) fn give_two_later(pms: &mut Pms, patient: u64, rules: &'static Rules, today: Date) {
    let from = today.saturating_add(THEIR_OWN.days());
    let later = pms.appointments.values_mut().filter(|one| one.date >= from && one.status == rules.booked);
    let mut later: Vec<&mut Appointment> = later.collect();
    later.sort_by_key(|one| (one.patient_id != patient, one.date, one.time));
    let mut days: Vec<Date> = Vec::new();
    for one in later {
        if days.len() >= 2 {
            break;
        }
        if !days.contains(&one.date) {
            one.patient_id = patient;
            days.push(one.date);
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
