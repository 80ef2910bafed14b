use std::collections::BTreeMap;

use domain::Window;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::Opening;

/// At most `most` openings that give a real choice: spread over the half-days, each start once, in
/// order of time. The earliest of all is always among them.
#[must_use]
pub fn choose<'a>(openings: &[Opening<'a>], zone: &TimeZone, most: usize) -> Vec<Opening<'a>> {
    let mut halves: BTreeMap<(Date, bool), Vec<Opening<'a>>> = BTreeMap::new();
    for opening in openings {
        let at = zone.to_datetime(opening.window.start);
        let half = halves.entry((at.date(), at.hour() >= 12)).or_default();
        if half.last().is_none_or(|last| last.window.start != opening.window.start) {
            half.push(*opening);
        }
    }
    let halves: Vec<Vec<Opening<'a>>> = halves.into_values().collect();
    let mut chosen: Vec<Opening<'a>> = Vec::new();
    for (half, take) in halves.iter().zip(shares(&halves, most)) {
        chosen.extend((0..take).filter_map(|number| half.get(number * half.len() / take)));
    }
    chosen
}

/// How many of each half-day: one each in turn, the earliest first, until `most` are given or none is
/// left.
fn shares(halves: &[Vec<Opening<'_>>], most: usize) -> Vec<usize> {
    let mut shares = vec![0; halves.len()];
    let mut left = most;
    while left > 0 {
        let before = left;
        for (share, half) in shares.iter_mut().zip(halves) {
            if left > 0 && *share < half.len() {
                *share += 1;
                left -= 1;
            }
        }
        if before == left {
            break;
        }
    }
    shares
}

/// At most `most` openings closest to a time that could not be had, the same clinician's before
/// another's an hour closer, in order of time.
#[must_use]
pub fn nearest<'a>(
    openings: &[Opening<'a>],
    wanted: Window,
    clinician: &str,
    most: usize,
) -> Vec<Opening<'a>> {
    const ANOTHER_CLINICIAN: i64 = 3600;
    let mut ranked: Vec<(i64, Opening<'a>)> = openings
        .iter()
        .map(|opening| {
            let apart = opening.window.start.duration_since(wanted.start).as_secs().abs();
            let other = if opening.clinician.vendor_id == clinician { 0 } else { ANOTHER_CLINICIAN };
            (apart + other, *opening)
        })
        .collect();
    ranked.sort_by_key(|(distance, _)| *distance);
    let mut chosen: Vec<Opening<'a>> = Vec::new();
    for (_, opening) in ranked {
        if chosen.len() == most {
            break;
        }
        if chosen.iter().all(|other| other.window.start != opening.window.start) {
            chosen.push(opening);
        }
    }
    chosen.sort_by_key(|opening| opening.window.start);
    chosen
}
