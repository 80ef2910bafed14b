//! What is offered is exactly what is free: compared with [`crate::oracle`], which looks at every minute.

use std::collections::BTreeSet;

use availability::{Ask, PartOfDay, choose, nearest, openings, still_free};
use domain::Window;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use reception::{Held, Status};
use serde_json::{Value, json};

use crate::any_clinic::{AnyClinic, any_clinic};
use crate::clinic::clinic;
use crate::oracle::{Grid, Question};

#[derive(Debug, Clone)]
struct Wish {
    minutes: i64,
    step_minutes: i64,
    /// Minutes after the first midnight.
    lead: i64,
    /// First day and how many.
    days: (i64, i64),
    morning: Option<bool>,
    only: Option<Vec<String>>,
}

fn any_wish(days: i64) -> impl Strategy<Value = Wish> {
    let ids = prop_oneof![Just("DR1"), Just("DR2"), Just("HY1"), Just("HY2"), Just("ST1")];
    (
        1_i64..30,
        prop_oneof![
            Just(5_i64),
            Just(10),
            Just(15),
            Just(20),
            Just(25),
            Just(30),
            Just(45),
            Just(50),
            Just(60),
            Just(90)
        ],
        0..days * 24 * 12,
        (0..days, 1..=days),
        proptest::option::of(any::<bool>()),
        proptest::option::of(proptest::collection::vec(ids.prop_map(str::to_owned), 1..3)),
    )
        .prop_map(|(fives, step_minutes, lead, days, morning, only)| Wish {
            minutes: fives * 5,
            step_minutes,
            lead: lead * 5 / 4,
            days,
            morning,
            only,
        })
}

fn question(clinic: &AnyClinic, wish: &Wish) -> Question {
    let (first, count) = wish.days;
    let last = (first + count).min(clinic.days);
    Question {
        within: Window::new(clinic.midnight(first), clinic.midnight(last)).unwrap(),
        minutes: wish.minutes,
        step_minutes: wish.step_minutes,
        not_before: clinic.midnight(0) + SignedDuration::from_mins(wish.lead),
        only: wish.only.clone(),
        morning: wish.morning,
        zone: clinic.zone.clone(),
    }
}

fn ask(asked: &Question) -> Ask<'_> {
    let part = |morning| if morning { PartOfDay::Morning } else { PartOfDay::Afternoon };
    Ask {
        within: asked.within,
        minutes: asked.minutes,
        step_minutes: asked.step_minutes,
        not_before: asked.not_before,
        clinicians: asked.only.as_deref(),
        part: asked.morning.map(part),
        zone: &asked.zone,
    }
}

fn pairs(offers: &BTreeSet<(Timestamp, String, String)>) -> BTreeSet<(Timestamp, String)> {
    offers.iter().map(|(start, who, _)| (*start, who.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn p4_what_is_offered_is_exactly_what_is_free_whatever_the_zone_the_hours_and_the_feed(
        (clinic, wish) in any_clinic(4).prop_flat_map(|clinic| (Just(clinic), any_wish(4))),
    ) {
        let (book, held) = (clinic.book(clinic.covers()), clinic.held());
        let asked = question(&clinic, &wish);
        let free = Grid::of(&book, &held).offers(&asked);
        let found = openings(&book, &held, &ask(&asked));
        for one in &found {
            let offer = (one.window.start, one.clinician.vendor_id.clone(), one.chair.vendor_id.clone());
            prop_assert!(free.contains(&offer), "offered and not free: {one:?}");
            prop_assert_eq!(one.window.minutes(), wish.minutes);
        }
        let offered: BTreeSet<_> =
            found.iter().map(|one| (one.window.start, one.clinician.vendor_id.clone())).collect();
        prop_assert_eq!(offered.len(), found.len(), "a start is offered twice with one clinician");
        let all = pairs(&free);
        let missed: Vec<_> = all.difference(&offered).collect();
        prop_assert!(missed.is_empty(), "free and not offered: {missed:?}");

        // "The first free after": the first of all is the earliest there is, and a choice begins with it.
        let first = free.first().map(|(start, ..)| *start);
        prop_assert_eq!(found.first().map(|one| one.window.start), first);
        let chosen = choose(&found, &clinic.zone, 12);
        prop_assert_eq!(chosen.first().map(|one| one.window.start), first);
        prop_assert!(chosen.iter().all(|one| found.contains(one)) && chosen.len() <= 12);
        prop_assert!(chosen.windows(2).all(|pair| pair[0].window.start < pair[1].window.start));
        let near = nearest(&found, asked.within, "DR1", 3);
        prop_assert!(near.iter().all(|one| found.contains(one)));
        prop_assert_eq!(near.is_empty(), found.is_empty());
    }

    #[test]
    fn p4_a_time_is_still_free_exactly_when_it_could_be_offered(
        (clinic, wish) in any_clinic(4).prop_flat_map(|clinic| (Just(clinic), any_wish(4))),
        at in 0_i64..4 * 24 * 12,
    ) {
        let (book, held) = (clinic.book(clinic.covers()), clinic.held());
        let start = clinic.midnight(0) + SignedDuration::from_mins(at * 5);
        let window = Window::of_minutes(start, wish.minutes).unwrap();
        let asked = Question {
            within: clinic.covers(), step_minutes: 1, not_before: Timestamp::MIN, only: None, morning: None,
            ..question(&clinic, &wish)
        };
        let free = Grid::of(&book, &held).offers(&asked);
        for who in ["DR1", "HY1", "ST1", "DR9"] {
            let places: Vec<&str> = free
                .iter()
                .filter(|(at, id, _)| *at == start && id == who)
                .map(|(_, _, place)| place.as_str())
                .collect();
            for preferred in ["OP1", "OP4"] {
                let found = still_free(&book, &held, window, who, preferred).map(|one| one.vendor_id.as_str());
                prop_assert_eq!(found.is_some(), !places.is_empty(), "{} {:?}", who, places);
                prop_assert!(found.is_none_or(|found| places.contains(&found)));
                prop_assert!(!places.contains(&preferred) || found == Some(preferred));
            }
        }
    }
}

/// A question to the tool.
#[derive(Debug, Clone)]
struct Spoken {
    from: i64,
    days: i64,
    at: Option<i64>,
    part: Option<bool>,
    provider: Option<&'static str>,
    cleaning: bool,
    minutes: Option<i64>,
    lead: i64,
}

fn any_spoken() -> impl Strategy<Value = Spoken> {
    (
        0_i64..6,
        1_i64..5,
        proptest::option::of(0_i64..96),
        proptest::option::of(any::<bool>()),
        proptest::option::of(prop_oneof![
            Just("Dr Lee"),
            Just("doctora Osei"),
            Just("Sam Reyes"),
            Just("Lee"),
            Just("Pat Lee"),
            Just("Dr Gone"),
        ]),
        any::<bool>(),
        proptest::option::of(1_i64..25),
        0_i64..200,
    )
        .prop_map(|(from, days, at, part, provider, cleaning, fives, lead)| Spoken {
            from,
            days,
            at: at.map(|quarter| quarter * 15),
            part,
            provider,
            cleaning,
            minutes: fives.map(|fives| fives * 5),
            lead,
        })
}

impl Spoken {
    /// Who may be offered; `None`: nobody of the name can be booked.
    fn only(&self) -> Option<Vec<String>> {
        let ids: &[&str] = match (self.provider, self.cleaning) {
            (Some("Dr Lee"), _) => &["DR1"],
            (Some("Lee"), _) => &["DR1", "HY2"],
            (Some("doctora Osei"), _) => &["DR2"],
            (Some("Sam Reyes"), _) => &["HY1"],
            (Some(_), _) => return None,
            (None, true) => &["HY1", "HY2"],
            (None, false) => &["DR1", "DR2"],
        };
        Some(ids.iter().map(|id| (*id).to_owned()).collect())
    }

    fn arguments(&self, clinic: &AnyClinic) -> Value {
        let part = self.part.map(|morning| if morning { "morning" } else { "afternoon" });
        let clock = self.at.map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60));
        json!({
            "from": clinic.day(self.from).to_string(),
            "to": clinic.day(self.from + self.days - 1).to_string(),
            "notBefore": clock,
            "partOfDay": part,
            "provider": self.provider,
            "reason": if self.cleaning { "a cleaning" } else { "a toothache" },
            "durationMinutes": self.minutes,
        })
    }

    fn question(&self, clinic: &AnyClinic, now: Timestamp, only: &[String]) -> Question {
        let lead = now + SignedDuration::from_mins(self.lead);
        let at = self.at.map_or(Timestamp::MIN, |minute| {
            let (hour, minute) = (i8::try_from(minute / 60).unwrap(), i8::try_from(minute % 60).unwrap());
            let wall = clinic.day(self.from).at(hour, minute, 0, 0);
            let mut at = clinic.midnight(self.from);
            while clinic.zone.to_datetime(at) < wall {
                at += SignedDuration::from_mins(1);
            }
            at
        });
        Question {
            within: Window::new(clinic.midnight(self.from), clinic.midnight(self.from + 40)).unwrap(),
            minutes: self.minutes.unwrap_or(30),
            step_minutes: 30,
            not_before: lead.max(at),
            only: Some(only.to_vec()),
            morning: self.part,
            zone: clinic.zone.clone(),
        }
    }
}

fn starts(slots: &Value) -> Vec<(Timestamp, String)> {
    let slots = slots.as_array().into_iter().flatten();
    let slot = |slot: &Value| {
        (slot["start"].as_str().unwrap().parse().unwrap(), slot["provider"].as_str().unwrap().to_owned())
    };
    slots.map(slot).collect()
}

fn name(id: &str) -> &'static str {
    match id {
        "DR1" => "Dr Lee",
        "DR2" => "Dr Osei",
        "HY1" => "Sam Reyes",
        _ => "Kim Lee",
    }
}

fn check_tool(clinic: &AnyClinic, spoken: &Spoken) -> Result<(), TestCaseError> {
    let now = clinic.midnight(0);
    let desk = clinic_of(clinic, now, spoken.lead);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let handled = runtime.block_on(desk.run("checkAvailability", spoken.arguments(clinic)));
    let (status, code, data) = (handled.answer.status, handled.answer.code, handled.answer.body());
    let slots = starts(&data["slots"]);
    let Some(only) = spoken.only() else {
        prop_assert_eq!(code, "provider_unknown");
        prop_assert!(slots.is_empty());
        return Ok(());
    };
    // As far as the tool looks of itself: a week, or the days asked for.
    let end = spoken.from + spoken.days.max(7);
    let covers = Window::new(clinic.midnight(spoken.from), clinic.midnight(end)).unwrap();
    let (book, held): (_, Vec<Held>) = (clinic.book(covers), clinic.held());
    let free = pairs(&Grid::of(&book, &held).offers(&spoken.question(clinic, now, &only)));
    let last = clinic.midnight(spoken.from + spoken.days);
    let (then, later): (BTreeSet<_>, BTreeSet<_>) = free.into_iter().partition(|(start, _)| *start < last);
    for (start, provider) in &slots {
        let known = then.iter().any(|(at, id)| at == start && name(id) == provider);
        prop_assert!(known, "offered and not free: {start} {provider}");
    }
    prop_assert_eq!(slots.first().map(|(start, _)| *start), then.first().map(|(start, _)| *start));
    if !then.is_empty() {
        return Ok(());
    }
    // Nothing then: the first that is free after it, looked for once more when a week was full.
    let further = Window::new(clinic.midnight(end), clinic.midnight(end + 28)).unwrap();
    let book = clinic.book(further);
    let even_later = || pairs(&Grid::of(&book, &held).offers(&spoken.question(clinic, now, &only)));
    let later = if later.is_empty() { even_later() } else { later };
    let shown = starts(&data["laterSlots"]);
    prop_assert_eq!(shown.first().map(|(start, _)| *start), later.first().map(|(start, _)| *start));
    prop_assert_eq!(status, Status::None);
    prop_assert_eq!(code, if later.is_empty() { "no_slots" } else { "no_slots_but_later" });
    Ok(())
}

fn clinic_of(plan: &AnyClinic, now: Timestamp, lead: i64) -> std::sync::Arc<crate::clinic::Clinic> {
    let desk = clinic();
    desk.desk(|desk| {
        desk.now = now;
        desk.zone = plan.zone.clone();
        desk.settings.lead_minutes = lead;
    });
    let book = plan.clone();
    desk.system(|system| {
        system.book = Some(Box::new(move |covers| {
            let mut book = book.book(covers);
            book.freshness.copied_at = Some(now);
            book
        }));
    });
    desk.rows(|rows| rows.held = plan.held());
    desk
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn p4_the_tool_offers_only_what_is_free_and_begins_with_the_first(
        clinic in any_clinic(15), spoken in any_spoken(),
    ) {
        check_tool(&clinic, &spoken)?;
    }

    #[test]
    fn p4_two_locations_never_lend_each_other_a_time(
        (here, there) in (any_clinic(15), any_clinic(15)), spoken in any_spoken(),
    ) {
        // The same people work at both, under the same ids: each location answers from its own book.
        check_tool(&here, &spoken)?;
        check_tool(&there, &spoken)?;
    }
}
