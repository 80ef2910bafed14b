//! A patient's own appointments, by everything that is known: the practice's copy, what we hold, what we changed.

use availability::{Held, Stage};
use domain::{AppointmentState, Clinician, Freshness, Patient, PatientBook, Window, WritebackId};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pms::Operation;

use crate::ports::{Change, WriteNews};
use crate::proof::Given;
use crate::sentences::{self, input as said};
use crate::spoken::{self, Offer};
use crate::tools::rfc3339;
use crate::turn::{PatientRef, Stop, Turn};
use crate::{BadInput, Template, ToolAnswer};

/// An appointment of the patient's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Own {
    /// The vendor's id; `None` while it is being made.
    pub(crate) id: Option<String>,
    /// Our own request that its time is held for.
    pub(crate) request: Option<WritebackId>,
    /// When.
    pub(crate) window: Window,
    /// With whom, by the vendor's id.
    pub(crate) clinician: Option<String>,
    /// Whether it is there: done, or a request that may never be.
    pub(crate) stage: Stage,
    /// The practice's system has it no more.
    pub(crate) cancelled: bool,
    /// The practice's system says something of it that we cannot read: it may stand or not.
    pub(crate) unclear: bool,
    /// A change of it that is not over, or that staff made by hand and no copy shows.
    pub(crate) changing: Option<Change>,
}

impl Own {
    /// One that stands.
    fn standing(id: Option<String>, window: Window, clinician: Option<String>) -> Self {
        let (request, stage, changing) = (None, Stage::Done, None);
        Self { id, request, window, clinician, stage, cancelled: false, unclear: false, changing }
    }

    /// Whether a change of it stands so.
    pub(crate) fn is_changing(&self, stage: Stage) -> bool {
        self.changing.as_ref().is_some_and(|change| change.stage == stage)
    }

    /// Whether it is what the time is held for. Of what is done, by hand perhaps, under an id that nobody told us, a
    /// copy tells the id, also once we cancelled it.
    fn is_of(&self, hold: &Held, changes: &[Change]) -> bool {
        let is_ours = |change: &&Change| {
            change.stage == Stage::Done && change.to.is_none() && Some(change.writeback) > hold.writeback
        };
        let by_us =
            || changes.iter().filter(is_ours).any(|change| self.id.as_ref() == Some(&change.appointment));
        match &hold.appointment {
            Some(_) => self.id == hold.appointment,
            None => {
                matches!(hold.stage, Stage::Done | Stage::ByHand)
                    && self.id.is_some()
                    && (!self.cancelled || by_us())
                    && !self.unclear
                    && self.window.start == hold.window.start
                    && self.clinician == hold.clinician
            }
        }
    }

    /// What it is called: by the vendor's id, and by that of our request for as long as it is being made.
    pub(crate) fn called(&self) -> Option<String> {
        self.id.clone().or_else(|| self.request.map(|request| request.to_string()))
    }

    /// Whether it is called, or was while it was being made, by this id.
    fn is(&self, id: &str) -> bool {
        let asked = id.parse::<WritebackId>().ok();
        self.id.as_deref() == Some(id) || (asked.is_some() && asked == self.request)
    }
}

/// Everything known of one patient's appointments.
#[derive(Debug)]
pub(crate) struct OwnBook {
    pub(crate) own: Vec<Own>,
    pub(crate) zone: TimeZone,
    pub(crate) clinicians: Vec<Clinician>,
    pub(crate) freshness: Freshness,
}

/// What is over is looked at for so long, so that it can be told from what never was.
const DAYS_BACK: i64 = 31;
/// Nobody plans further ahead.
const DAYS_AHEAD: i64 = 731;
/// What takes longer than this waits for something, and no caller waits that long with it.
const NEARLY_OVER: SignedDuration = SignedDuration::from_mins(10);

impl OwnBook {
    /// Puts together what the copy shows of `patient` with what our own rows know better.
    pub(crate) fn of(
        patient: &str,
        book: PatientBook,
        held: &[Held],
        changes: &[Change],
        zone: TimeZone,
    ) -> Self {
        let copied_at = book.freshness.copied_at;
        let mut own: Vec<Own> = book
            .appointments
            .into_iter()
            .filter(|one| one.patient == patient)
            .map(|one| Own {
                cancelled: one.state == AppointmentState::Cancelled,
                unclear: one.state == AppointmentState::Unknown,
                ..Own::standing(Some(one.vendor_id), one.window, one.clinician)
            })
            .collect();
        let shown: Vec<String> = own.iter().filter_map(|one| one.id.clone()).collect();
        for hold in held.iter().filter(|hold| hold.patients.iter().any(|one| one == patient)) {
            match own.iter_mut().find(|one| one.is_of(hold, changes)) {
                // Whoever was told of it before it was made calls it by the request.
                Some(one) => one.request = one.request.or(hold.writeback),
                None => own.push(Own {
                    request: hold.writeback,
                    stage: hold.stage,
                    ..Own::standing(hold.appointment.clone(), hold.window, hold.clinician.clone())
                }),
            }
        }
        let mut changes: Vec<&Change> = changes.iter().filter(|change| change.patient == patient).collect();
        // Staff may have made one by hand that was asked for before another.
        changes.sort_by_key(|change| change.done_at.unwrap_or(Timestamp::MAX));
        for change in changes {
            // What no copy shows and nothing holds was made and changed in between two copies.
            if change.outruns(copied_at)
                && !own.iter().any(|one| one.id.as_ref() == Some(&change.appointment))
            {
                own.push(Own::standing(Some(change.appointment.clone()), change.from, None));
            }
            let Some(one) = own.iter_mut().find(|one| one.id.as_ref() == Some(&change.appointment)) else {
                continue;
            };
            match (change.stage, &change.to) {
                (Stage::Done, _) if !change.outruns(copied_at) && shown.contains(&change.appointment) => {}
                (Stage::Done, None) => one.cancelled = true,
                (Stage::Done, Some(to)) => {
                    one.window = to.window;
                    one.clinician = Some(to.clinician.clone());
                    // Wherever staff had moved it before, it is here now.
                    (one.stage, one.changing) = (Stage::Done, None);
                }
                (Stage::ByHand, _) if !change.is_unseen(copied_at) => {}
                (Stage::ByHand, Some(to))
                    if shown.contains(&change.appointment) && one.window.start == to.window.start => {}
                _ => one.changing = Some(change.clone()),
            }
        }
        own.sort_by_key(|one| one.window.start);
        Self { own, zone, clinicians: book.clinicians, freshness: book.freshness }
    }

    /// Reads it for one patient.
    pub(crate) async fn read(turn: &mut Turn<'_>, patient: &str) -> Result<Self, Stop> {
        turn.require(Operation::ReadAppointments)?;
        let day = |days: i64| SignedDuration::from_hours(24 * days);
        let start = turn.desk.now.checked_sub(day(DAYS_BACK)).unwrap_or(Timestamp::MIN);
        let end = turn.desk.now.checked_add(day(DAYS_AHEAD)).unwrap_or(Timestamp::MAX);
        let covers = Window { start, end };
        // Ours first: what the copy begins to show in between is then known twice, and never not at all.
        let (held, changes) = turn.own(covers).await?;
        let book = turn.patient_book(patient, covers).await?;
        let zone = TimeZone::get(&book.time_zone).unwrap_or_else(|_| turn.desk.zone.clone());
        Ok(Self::of(patient, book, &held, &changes, zone))
    }

    /// Reads it to change one of them, which is still to come or has been cancelled.
    pub(crate) async fn to_change(turn: &mut Turn<'_>, patient: &str, id: &str) -> Result<(Self, Own), Stop> {
        let book = Self::read(turn, patient).await?;
        if let Some(own) = book.own.iter().find(|one| one.is(id)) {
            turn.wants("appointmentStart", rfc3339(own.window.start, &book.zone));
            turn.wants("appointmentProvider", book.with_whom(own.clinician.as_deref()));
        }
        book.fresh_enough(turn)?;
        let own = book.to_come(turn, id)?.clone();
        Ok((book, own))
    }

    /// Ends here where the copy is too old to act on.
    pub(crate) fn fresh_enough(&self, turn: &Turn<'_>) -> Result<(), Stop> {
        let Some(age) = turn.too_old(&self.freshness) else { return Ok(()) };
        Err(Stop::Answer(turn.say(&sentences::changes::TOO_OLD, &[("age", &age)])))
    }

    /// Ends here where nobody can tell whether the appointment stands.
    pub(crate) fn readable(&self, turn: &Turn<'_>, own: &Own) -> Result<(), Stop> {
        if own.unclear {
            Err(Stop::Answer(self.say(turn, &sentences::changes::UNCLEAR, own)))
        } else {
            Ok(())
        }
    }

    /// The appointment of this id that is still to come, or has been cancelled.
    fn to_come(&self, turn: &Turn<'_>, id: &str) -> Result<&Own, Stop> {
        let Some(own) = self.own.iter().find(|one| one.is(id)) else {
            let rule = "must be an appointment of this patient";
            return Err(BadInput::new(turn.desk, "appointmentId", &said::APPOINTMENT_UNKNOWN, rule).into());
        };
        if own.window.start <= turn.desk.now && !own.cancelled {
            return Err(Stop::Answer(self.say(turn, &sentences::changes::PASSED, own)));
        }
        Ok(own)
    }

    /// What a second wish about one whose change is not over, or not shown, comes to: it has to wait for a moment, or a
    /// person has to see to it.
    pub(crate) async fn under_way(&self, turn: &mut Turn<'_>, own: &Own, change: &Change) -> ToolAnswer {
        let news = match change.stage {
            Stage::WithStaff | Stage::ByHand => WriteNews::Parked,
            Stage::UnderWay | Stage::Done => turn.news_now(change.writeback).await,
        };
        let is_nearly_over = match news {
            WriteNews::Offline | WriteNews::Parked => false,
            WriteNews::Succeeded { .. } | WriteNews::Failed(_) => true,
            WriteNews::Waiting | WriteNews::Unknown => {
                turn.desk.now.duration_since(change.wished_at) < NEARLY_OVER
            }
        };
        if is_nearly_over {
            return turn.say(&sentences::changes::UNDER_WAY, &[]);
        }
        turn.wants("writebackId", change.writeback.to_string());
        let is_with_staff = news == WriteNews::Parked;
        let told = if is_with_staff { &sentences::changes::WITH_STAFF } else { &sentences::changes::WAITS };
        self.say(turn, told, own)
    }

    /// Leaves what somebody wants of a request that is on its way to a person, who may have to take it out again.
    pub(crate) fn requested(&self, turn: &mut Turn<'_>, own: &Own) -> ToolAnswer {
        if let Some(request) = own.request {
            turn.wants("writebackId", request.to_string());
        }
        self.say(turn, &sentences::changes::REQUESTED, own)
    }

    /// With whom, as it is said.
    pub(crate) fn with_whom(&self, clinician: Option<&str>) -> &str {
        self.clinician(clinician).map_or("", |one| one.spoken_name.as_str())
    }

    fn clinician(&self, id: Option<&str>) -> Option<&Clinician> {
        self.clinicians.iter().find(|one| Some(one.vendor_id.as_str()) == id)
    }

    /// When and with whom, as it is said.
    pub(crate) fn when(&self, turn: &Turn<'_>, window: Window, clinician: Option<&str>) -> String {
        let (language, at) = (turn.desk.language, window.start.to_zoned(self.zone.clone()));
        spoken::offer(language, &Offer::of(language, at, self.clinician(clinician)))
    }

    /// A sentence about one of them.
    pub(crate) fn say(&self, turn: &Turn<'_>, template: &Template, own: &Own) -> ToolAnswer {
        let when = self.when(turn, own.window, own.clinician.as_deref());
        let answer = turn.say(template, &[("when", &when)]);
        match own.called() {
            Some(id) => answer.with("appointmentId", id),
            None => answer,
        }
    }
}

/// The patient whose record may be spoken of or changed: one who is there, and of whom the caller has shown what `tool`
/// asks for. Nothing is said of an appointment before.
pub(crate) async fn identified(
    turn: &mut Turn<'_>,
    tool: &'static str,
    id: &str,
    given: &Given,
) -> Result<Patient, Stop> {
    turn.require(Operation::ReadPatient)?;
    let vendor_id = match turn.patient_ref(id).await? {
        PatientRef::Vendor(vendor_id) => vendor_id,
        PatientRef::Pending(_) => return Err(Stop::Answer(turn.say(&sentences::PATIENT_PENDING, &[]))),
    };
    let patient = turn.patient(&vendor_id).await?;
    turn.identified(tool, &patient, id, given).await?;
    turn.wants_for(&patient);
    Ok(patient)
}

#[cfg(test)]
mod tests {
    use domain::Appointment;

    use super::*;
    use crate::Claim;

    fn at(hour: i64) -> Timestamp {
        "2026-11-24T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour)
    }

    fn window(hour: i64) -> Window {
        Window::of_minutes(at(hour), 30).unwrap()
    }

    fn shown(id: &str, hour: i64) -> Appointment {
        Appointment {
            vendor_id: id.into(),
            patient: "104".into(),
            clinician: Some("DR1".into()),
            chair: Some("OP1".into()),
            window: window(hour),
            state: AppointmentState::Booked,
        }
    }

    fn change(id: &str, to: Option<i64>, done_at: Option<i64>) -> Change {
        let claim = |hour| Claim { window: window(hour), clinician: "DR2".into(), chair: "OP1".into() };
        Change {
            writeback: WritebackId::new(),
            appointment: id.into(),
            patient: "104".into(),
            from: window(9),
            to: to.map(claim),
            wished_at: at(0),
            done_at: done_at.map(at),
            stage: if done_at.is_some() { Stage::Done } else { Stage::UnderWay },
        }
    }

    fn held(appointment: Option<&str>, hour: i64) -> Held {
        Held {
            window: window(hour),
            clinician: Some("DR1".into()),
            chair: Some("OP1".into()),
            writeback: Some(WritebackId::new()),
            stage: if appointment.is_some() { Stage::Done } else { Stage::UnderWay },
            appointment: appointment.map(Into::into),
            patients: vec!["104".into()],
        }
    }

    fn book(appointments: Vec<Appointment>, held: &[Held], changes: &[Change]) -> Vec<Own> {
        let book = PatientBook {
            time_zone: "UTC".into(),
            appointments,
            clinicians: vec![],
            freshness: Freshness { copied_at: Some(at(0)), read_at: at(1) },
        };
        OwnBook::of("104", book, held, changes, TimeZone::UTC).own
    }

    #[test]
    fn nobody_elses_appointment_is_theirs() {
        let other = Appointment { patient: "105".into(), ..shown("900", 9) };
        let hold = Held { patients: vec!["105".into()], ..held(Some("901"), 10) };
        assert_eq!(book(vec![other], &[hold], &[]), []);
    }

    #[test]
    fn what_we_made_is_known_before_the_copy_shows_it_and_only_once_after() {
        let own = book(vec![], &[held(Some("900"), 9), held(None, 11)], &[]);
        assert_eq!(own.iter().map(|one| one.id.as_deref()).collect::<Vec<_>>(), [Some("900"), None]);
        assert_eq!(book(vec![shown("900", 9)], &[held(Some("900"), 9)], &[]).len(), 1);
    }

    #[test]
    fn what_is_being_made_is_called_by_its_request_and_answers_to_that_afterwards_too() {
        let (making, made) = (held(None, 11), held(Some("900"), 9));
        let requests = [making.writeback, made.writeback].map(|id| id.unwrap().to_string());
        let own = book(vec![], &[making, made.clone()], &[]);
        let called: Vec<_> = own.iter().map(Own::called).collect();
        assert_eq!(called, [Some("900".to_owned()), Some(requests[0].clone())]);
        assert!(own[1].is(&requests[0]) && own[0].is(&requests[1]) && own[0].is("900"));
        assert!(!own[0].is(&requests[0]) && !own[1].is("900") && !own[1].is(""));
        let own = book(vec![shown("900", 9)], &[made], &[]);
        assert!(own[0].is(&requests[1]), "the copy shows it by now");
    }

    #[test]
    fn what_we_changed_is_as_we_changed_it_until_a_newer_copy_shows_it() {
        let moved = book(vec![shown("900", 9)], &[], &[change("900", Some(14), Some(0))]);
        assert_eq!((moved[0].window, moved[0].clinician.as_deref()), (window(14), Some("DR2")));
        let gone = book(vec![shown("900", 9)], &[], &[change("900", None, Some(-1))]);
        assert!(!gone[0].cancelled, "a copy made an hour later shows it again: somebody took it back");
        let gone = book(vec![shown("900", 9)], &[], &[change("900", None, Some(0))]);
        assert!(gone[0].cancelled);
        // Made and cancelled before any copy showed it.
        let gone = book(vec![], &[held(Some("900"), 9)], &[change("900", None, Some(-1))]);
        assert!(gone[0].cancelled);
        let gone = book(vec![], &[], &[change("900", None, Some(0))]);
        assert_eq!((gone.len(), gone[0].cancelled), (1, true), "its time was given back, and it is known");
        let gone = book(vec![], &[], &[change("900", None, Some(-1))]);
        assert_eq!(gone, [], "a newer copy has it no more");
        let other = Change { patient: "105".into(), ..change("900", None, Some(0)) };
        assert_eq!(book(vec![], &[], &[other]), []);
    }

    #[test]
    fn a_change_on_its_way_changes_nothing_yet() {
        let own = book(vec![shown("900", 9)], &[], &[change("900", Some(14), None)]);
        assert_eq!((own[0].window, own[0].cancelled), (window(9), false));
        assert!(own[0].changing.is_some());
    }

    #[test]
    fn p5_a_move_of_what_no_copy_shows_is_no_appointment_at_its_new_time() {
        for stage in [Stage::UnderWay, Stage::WithStaff, Stage::ByHand] {
            let moving = Held { stage, ..held(Some("900"), 14) };
            let own = book(vec![], std::slice::from_ref(&moving), &[]);
            assert_eq!((own[0].window, own[0].stage), (window(14), stage));
            let own = book(vec![shown("900", 9)], &[moving], &[]);
            assert_eq!((own.len(), own[0].window, own[0].stage), (1, window(9), Stage::Done));
        }
    }

    #[test]
    fn what_staff_entered_by_hand_is_theirs_once_the_copy_shows_it_at_its_time() {
        for (stage, count) in
            [(Stage::ByHand, 1), (Stage::Done, 1), (Stage::UnderWay, 2), (Stage::WithStaff, 2)]
        {
            let hold = Held { stage, ..held(None, 9) };
            assert_eq!(
                book(vec![shown("900", 9)], std::slice::from_ref(&hold), &[]).len(),
                count,
                "{stage:?}"
            );
            assert_eq!(book(vec![shown("900", 10)], std::slice::from_ref(&hold), &[]).len(), 2, "{stage:?}");
            let gone = Appointment { state: AppointmentState::Cancelled, ..shown("900", 9) };
            assert_eq!(book(vec![gone.clone()], std::slice::from_ref(&hold), &[]).len(), 2, "{stage:?}");
            let by_us = change("900", None, Some(0));
            let own = book(vec![gone], &[hold], &[by_us]);
            assert_eq!((own.len(), own.iter().all(|one| one.cancelled)), (count, count == 1), "{stage:?}");
        }
    }

    #[test]
    fn p5_a_change_that_staff_made_is_told_until_a_copy_is_newer_and_changes_nothing_by_itself() {
        let by_hand = |hours| Change { stage: Stage::ByHand, ..change("900", Some(14), Some(hours)) };
        let own = book(vec![shown("900", 9)], &[], &[by_hand(0)]);
        assert_eq!((own[0].window, own[0].is_changing(Stage::ByHand)), (window(9), true));
        let own = book(vec![shown("900", 9)], &[], &[by_hand(-1)]);
        assert_eq!((own[0].window, own[0].changing.is_none()), (window(9), true));
        let own = book(vec![shown("900", 9)], &[], &[by_hand(0), change("900", Some(16), Some(0))]);
        assert_eq!((own[0].window, own[0].changing.is_none()), (window(16), true), "we moved it since");
        let changes = [by_hand(1), change("900", Some(16), Some(0))];
        let own = book(vec![shown("900", 9)], &[], &changes);
        assert_eq!(
            (own[0].window, own[0].is_changing(Stage::ByHand)),
            (window(16), true),
            "staff moved it since"
        );
        let own = book(vec![shown("900", 14)], &[], &[by_hand(0)]);
        assert_eq!((own[0].window, own[0].changing.is_none()), (window(14), true), "the copy shows it");
        assert_eq!(book(vec![], &[], &[by_hand(0)]), []);
    }

    #[test]
    fn the_last_of_several_changes_counts() {
        let changes = [
            change("900", Some(14), Some(0)),
            change("900", Some(16), Some(0)),
            change("900", None, Some(0)),
        ];
        assert_eq!(book(vec![shown("900", 9)], &[], &changes[..2])[0].window, window(16));
        assert!(book(vec![shown("900", 9)], &[], &changes)[0].cancelled);
    }
}
