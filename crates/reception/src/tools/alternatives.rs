use availability::{Ask, Held, Opening, nearest, openings};
use domain::{DayBook, Window};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::check_availability::{offer, slot_json};
use crate::spoken::{self, Offer};
use crate::turn::Turn;
use crate::{Template, ToolAnswer};

/// Other times, when the wanted one cannot be had.
const MOST: usize = 6;
/// As many as a person keeps in mind.
const MOST_SPOKEN: usize = 3;

/// A time that was wanted and cannot be had, with everything read for it.
pub(super) struct Wanted<'a> {
    pub(super) window: Window,
    pub(super) clinician: &'a str,
    /// The caller asked for them by name.
    pub(super) named: bool,
    /// Who has to be free too.
    pub(super) beside: Option<&'a str>,
    pub(super) book: &'a DayBook,
    pub(super) held: &'a [Held],
    pub(super) zone: &'a TimeZone,
}

impl Wanted<'_> {
    /// The refusal, with times of the same length close by; `bare` where there are none.
    pub(super) fn refusal(&self, turn: &Turn<'_>, template: &Template, bare: &Template) -> ToolAnswer {
        self.refusal_with(turn, template, bare, &[])
    }

    /// The same, with more to say.
    pub(super) fn refusal_with(
        &self,
        turn: &Turn<'_>,
        template: &Template,
        bare: &Template,
        more: &[(&str, &str)],
    ) -> ToolAnswer {
        let settings = &turn.desk.settings;
        let lead = jiff::SignedDuration::from_mins(settings.lead_minutes.max(0));
        let colleagues = self.colleagues();
        let ask = Ask {
            within: self.book.covers,
            minutes: self.window.minutes(),
            step_minutes: settings.step_minutes,
            not_before: turn.desk.now.checked_add(lead).unwrap_or(Timestamp::MAX),
            clinicians: Some(&colleagues),
            part: None,
            zone: self.zone,
        };
        let mut free = openings(self.book, self.held, &ask);
        if let Some(beside) = self.beside.map(|id| [id.to_owned()]) {
            let theirs = openings(self.book, self.held, &Ask { clinicians: Some(&beside), ..ask });
            free.retain(|one| theirs.iter().any(|other| other.window == one.window));
        }
        let others: Vec<Opening<'_>> = nearest(&free, self.window, self.clinician, MOST);
        let alternatives: Vec<Value> =
            others.iter().map(|one| slot_json(turn, one, self.zone, self.named)).collect();
        let mut closest = nearest(&others, self.window, self.clinician, MOST_SPOKEN);
        closest.sort_by_key(|one| one.window.start);
        let offers: Vec<Offer> = closest.iter().map(|one| offer(turn, one, self.zone)).collect();
        let said = spoken::offers(turn.desk.language, &offers);
        let template = if offers.is_empty() { bare } else { template };
        let fills: Vec<(&str, &str)> = more.iter().copied().chain([("offers", said.as_str())]).collect();
        turn.say(template, &fills).with("alternatives", json!(alternatives))
    }

    /// Those who do the same work: a hygienist is no substitute for a dentist.
    fn colleagues(&self) -> Vec<String> {
        let kind = self.book.clinicians.iter().find(|one| one.vendor_id == self.clinician);
        let kind = kind.map(|one| one.kind);
        let same = self.book.clinicians.iter().filter(|one| one.bookable && Some(one.kind) == kind);
        same.map(|one| one.vendor_id.clone()).collect()
    }
}
