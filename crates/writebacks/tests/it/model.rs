//! P3, P4, P5 and P12 under random histories: crashes, lost and late replies, late results, errors, two
//! carriers, and people who replay what went wrong, settle it or give it up, also twice at once.
//!
//! Whatever happens, the practice's system has each wish at most once and nothing twice at one time, nothing
//! is called done that is not, and nothing is forgotten. `MODEL_HISTORIES` says how many histories are
//! walked; 60 without it. They are walked in several lanes at once, each with a database of its own: the
//! histories of a lane follow one another, and what a reaper does in one is never done to another.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{Window, WritebackId, WritebackState as S};
use jiff::{SignedDuration, Timestamp};
use pms::{Advice, ErrorKind, FailureReason, Write, WriteOutcome};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::task::JoinHandle;
use writebacks::{
    CarryError, DropError, DropOutcome, Found, ReplayError, Requested, SettleError, give_up, settle,
};

use crate::changes::{cancelling, moving, note};
use crate::rig::{Ground, Rig, booking, patient, slot};
use crate::vendor::Fate;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    /// Somebody wishes for a booking: one of four times, and the same wish as before or another's.
    Wish {
        time: i64,
        other: bool,
    },
    /// Somebody replays the latest try of a wish, twice at once.
    Replay(prop::sample::Index),
    /// Staff look for a wish that was set aside and say what they found, while somebody else may replay it.
    SettleByStaff {
        which: prop::sample::Index,
        replayed: bool,
    },
    /// Staff give a wish up that their system does not have, twice at once; or they have entered it by hand.
    Drop {
        which: prop::sample::Index,
        by_hand: bool,
    },
    /// The results of everything the practice's system was given come after everybody's patience ended.
    LateResults {
        refuses: bool,
    },
    /// A new patient and their booking.
    Chain,
    /// Somebody wishes for a move or a cancellation of one of two appointments, or adds a note.
    Change(i64),
    /// Staff move one of the two appointments in their own system, or cancel it, long after whatever was wished for.
    StaffChange {
        which: i64,
        cancelled: bool,
    },
    /// A carrier sends, and the request ends so.
    Send {
        second: bool,
        fate: Fate,
    },
    /// A carrier starts to send and is killed while the vendor has, or never gets, the request.
    Die {
        second: bool,
        taken: bool,
    },
    /// A carrier sends and hears nothing for long; its request was taken.
    Linger {
        second: bool,
    },
    /// The vendor's late replies come.
    LateReplies,
    /// The practice's system does what it was given.
    Settle {
        refuses: bool,
    },
    Look {
        second: bool,
    },
    LookForLost {
        second: bool,
        blind: bool,
    },
    Reap,
    LeasesExpire,
    TimePasses,
    /// Everybody's patience ends.
    DeadlinesPass,
    /// The practice cannot be opened for now.
    Close,
    Open,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Take),
        2 => Just(Fate::TakeAndLoseReply),
        2 => Just(Fate::LoseRequest),
        2 => Just(Fate::ArriveLate),
        1 => Just(Fate::Refuse(ErrorKind::PracticeOffline, Advice::Retry)),
        1 => Just(Fate::Refuse(ErrorKind::Invalid, Advice::Permanent)),
        1 => Just(Fate::Refuse(ErrorKind::AccessWithdrawn, Advice::Permanent)),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..4i64, any::<bool>()).prop_map(|(time, other)| Event::Wish { time, other }),
        4 => any::<prop::sample::Index>().prop_map(Event::Replay),
        2 => any::<(prop::sample::Index, bool)>()
            .prop_map(|(which, replayed)| Event::SettleByStaff { which, replayed }),
        2 => any::<(prop::sample::Index, bool)>().prop_map(|(which, by_hand)| Event::Drop { which, by_hand }),
        1 => any::<bool>().prop_map(|refuses| Event::LateResults { refuses }),
        1 => Just(Event::Chain),
        3 => (0..7i64).prop_map(Event::Change),
        2 => (0..2i64, any::<bool>())
            .prop_map(|(which, cancelled)| Event::StaffChange { which, cancelled }),
        6 => (any::<bool>(), fate()).prop_map(|(second, fate)| Event::Send { second, fate }),
        2 => any::<(bool, bool)>().prop_map(|(second, taken)| Event::Die { second, taken }),
        1 => any::<bool>().prop_map(|second| Event::Linger { second }),
        1 => Just(Event::LateReplies),
        3 => any::<bool>().prop_map(|refuses| Event::Settle { refuses }),
        3 => any::<bool>().prop_map(|second| Event::Look { second }),
        5 => any::<(bool, bool)>().prop_map(|(second, blind)| Event::LookForLost { second, blind }),
        2 => Just(Event::Reap),
        2 => Just(Event::LeasesExpire),
        6 => Just(Event::TimePasses),
        1 => Just(Event::DeadlinesPass),
        1 => Just(Event::Close),
        1 => Just(Event::Open),
    ]
}

/// A write as it stands.
struct Stands {
    id: WritebackId,
    state: S,
    replays: Option<WritebackId>,
    reference: String,
    reason: Option<String>,
    /// Staff have an open task about it.
    is_task: bool,
    /// Staff gave it up, or settled that it is not there.
    is_given_up: bool,
}

struct World {
    rig: Rig,
    /// Every write there is, replays too.
    wishes: Vec<WritebackId>,
    lingering: Vec<JoinHandle<Result<bool, CarryError>>>,
    /// Times that staff have filled by hand; no copy shows them yet.
    by_hand: BTreeSet<Timestamp>,
}

impl World {
    fn carrier(&self, second: bool) -> &Arc<writebacks::Carrier> {
        if second { &self.rig.other } else { &self.rig.carrier }
    }

    async fn wish(&mut self, write: &Write, intent: &str, after: Option<WritebackId>) -> Option<WritebackId> {
        match self.rig.wish_after(write, intent, after, SignedDuration::from_hours(1)).await {
            Ok(Requested::New(id)) => {
                self.wishes.push(id);
                Some(id)
            }
            Ok(Requested::Same(row)) => Some(row.id),
            Err(writebacks::RequestError::SlotTaken | writebacks::RequestError::ChangeUnderWay) => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn happen(&mut self, event: &Event) {
        let (rig, due) = (&self.rig, self.rig.due);
        match event {
            Event::Wish { time, other } => {
                let minute = time * 30;
                self.wish(&booking(minute), &format!("booking {minute} {other}"), None).await;
            }
            Event::Replay(which) => {
                if !self.wishes.is_empty() {
                    self.replay_twice(*which.get(&self.wishes)).await;
                }
            }
            Event::SettleByStaff { which, replayed } => {
                if !self.wishes.is_empty() {
                    self.settle(*which.get(&self.wishes), *replayed).await;
                }
            }
            Event::Drop { which, by_hand } => {
                if !self.wishes.is_empty() {
                    self.drop_twice(*which.get(&self.wishes), *by_hand).await;
                }
            }
            Event::LateResults { refuses } => {
                rig.expire_deadlines().await;
                rig.expire_leases().await;
                rig.carrier.reap().await.unwrap();
                rig.vendor.settle(refuses.then_some(FailureReason::SlotTaken));
            }
            Event::Chain => {
                let first = self.wish(&patient(), "nora", None).await;
                self.wish(&booking(600), "nora's booking", first).await;
            }
            Event::Change(number) => {
                let appointment = format!("a{}", number % 2);
                let mut write = match number {
                    0..2 => cancelling(&appointment, None),
                    2..6 => moving(&appointment, 900, (number - 2) / 2 * 30),
                    _ => note(),
                };
                // Whoever wishes for a change knows where the appointment is; of one that is cancelled nobody does.
                match (&mut write, self.rig.vendor.where_is(&appointment)) {
                    (Write::AddNote(_), _) => {}
                    (Write::CancelAppointment(gone), Some(stands)) => gone.from = stands,
                    (Write::RescheduleAppointment(moved), Some(stands)) => moved.from = stands,
                    _ => return,
                }
                self.wish(&write, &format!("change {number}"), None).await;
            }
            Event::StaffChange { which, cancelled } => {
                // By the time it is tried again, whatever was wished for before is long ago, and copied.
                let ago = "UPDATE pms_writebacks SET created_at = created_at - interval '1 hour',
                         finished_at = finished_at - interval '1 hour'
                     WHERE operation IN ('reschedule_appointment', 'cancel_appointment') AND connection_id = ";
                rig.sql(ago).await;
                let appointment = format!("a{which}");
                if *cancelled {
                    rig.vendor.cancelled(&appointment);
                } else if let Some(stands) = rig.vendor.where_is(&appointment) {
                    let later = stands.start + SignedDuration::from_hours(72);
                    rig.vendor.stands(&appointment, Window::of_minutes(later, 30).unwrap());
                }
            }
            Event::Send { second, fate } => {
                rig.vendor.next(&[*fate]);
                self.carrier(*second).send_next(due).await.unwrap();
                rig.vendor.forget_fates();
            }
            Event::Die { second, taken } => {
                rig.vendor.next(&[if *taken { Fate::TakeAndStall } else { Fate::LoseAndStall }]);
                tokio::select! {
                    done = self.carrier(*second).send_next(due) => { done.unwrap(); }
                    () = rig.vendor.stalled.notified() => {}
                }
                rig.vendor.forget_fates();
            }
            Event::Linger { second } => {
                rig.vendor.next(&[Fate::TakeAndStall]);
                let carrier = self.carrier(*second).clone();
                let mut task = tokio::spawn(async move { carrier.send_next(due).await });
                tokio::select! {
                    done = &mut task => { done.unwrap().unwrap(); }
                    () = rig.vendor.stalled.notified() => self.lingering.push(task),
                }
                self.rig.vendor.forget_fates();
            }
            Event::LateReplies => self.late_replies().await,
            Event::Settle { refuses } => rig.vendor.settle(refuses.then_some(FailureReason::SlotTaken)),
            Event::Look { second } => self.carrier(*second).look(due).await.unwrap(),
            Event::LookForLost { second, blind } => {
                rig.vendor.blind(u32::from(*blind));
                self.carrier(*second).look_for_lost(due).await.unwrap();
            }
            Event::Reap => {
                rig.carrier.reap().await.unwrap();
            }
            Event::LeasesExpire => rig.expire_leases().await,
            Event::TimePasses => rig.pass().await,
            Event::DeadlinesPass => rig.expire_deadlines().await,
            Event::Close => rig.vendor.close(ErrorKind::KeyExpired, Advice::Retry),
            Event::Open => rig.vendor.behave(),
        }
    }

    async fn replay_twice(&mut self, id: WritebackId) {
        let (one, two) = tokio::join!(self.rig.replay(id), self.rig.replay(id));
        let made: Vec<WritebackId> = [one, two]
            .into_iter()
            .filter_map(|done| match done {
                Ok(new) => Some(new),
                Err(ReplayError::Obstacle(_)) => None,
                Err(error) => panic!("{error:?}"),
            })
            .collect();
        assert!(made.len() < 2, "a write was replayed twice");
        self.wishes.extend(made);
    }

    /// What staff find when they look; `None`: nobody can tell yet.
    async fn found(&self, id: WritebackId) -> Option<Option<String>> {
        let reference = self.rig.row(id).await.reference;
        let held = self.rig.vendor.held().into_iter().find(|held| held.reference == reference);
        match held.map(|held| held.outcome) {
            Some(WriteOutcome::Succeeded { created }) => Some(Some(created.unwrap_or_default())),
            Some(WriteOutcome::Pending | WriteOutcome::Unshown) => None,
            Some(WriteOutcome::Failed { .. }) => Some(None),
            None if self.rig.vendor.may_still_arrive(&reference) => None,
            None => Some(None),
        }
    }

    async fn settle(&mut self, id: WritebackId, replayed: bool) {
        let Some(there) = self.found(id).await else { return };
        let found = match &there {
            Some(vendor_id) => Found::There { vendor_id },
            None => Found::NotThere,
        };
        let settled = settle(&self.rig.store, self.rig.due.tenant, id, found, "a test");
        let (settled, again) = if replayed {
            let (settled, again) = tokio::join!(settled, self.rig.replay(id));
            (settled, Some(again))
        } else {
            (settled.await, None)
        };
        match settled {
            Ok(()) => assert!(
                there.is_none() || !matches!(again, Some(Ok(_))),
                "a write is done and tried again as well"
            ),
            Err(SettleError::NotParked(_) | SettleError::TakenUp) => {}
            Err(error) => panic!("{error:?}"),
        }
        match again {
            Some(Ok(new)) => self.wishes.push(new),
            None | Some(Err(ReplayError::Obstacle(_))) => {}
            Some(Err(error)) => panic!("{error:?}"),
        }
    }

    async fn drop_twice(&mut self, id: WritebackId, by_hand: bool) {
        if self.found(id).await != Some(None) {
            return;
        }
        let outcome = if by_hand { DropOutcome::EnteredByHand } else { DropOutcome::NotWanted };
        let drop = || give_up(&self.rig.store, self.rig.due.tenant, id, outcome, "looked", "a test");
        let (one, two) = tokio::join!(drop(), drop());
        let mut dropped = 0;
        for done in [one, two] {
            match done {
                Ok(()) => dropped += 1,
                Err(DropError::NotOver(_) | DropError::Replayed(_) | DropError::Before) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert!(dropped < 2, "a write was dropped twice");
        let row = self.rig.row(id).await;
        if dropped == 1
            && by_hand
            && let Ok(Write::BookAppointment(new)) = serde_json::from_slice(row.payload.expose())
        {
            let mut tx = self.rig.store.tenant(self.rig.due.tenant).await.unwrap();
            let held = tx.holds(self.rig.due.connection, new.window).await.unwrap();
            tx.commit().await.unwrap();
            assert!(!held.is_empty(), "the time of what was entered by hand is offered");
            // Another write may have had the time by then.
            if held.iter().all(|held| held.writeback == id) {
                self.by_hand.insert(new.window.start);
            }
        }
    }

    async fn late_replies(&mut self) {
        for task in self.lingering.drain(..) {
            self.rig.vendor.go_on.add_permits(1);
            task.await.unwrap().unwrap();
        }
    }

    /// What must hold at every moment.
    async fn check(&self, after: &Event) -> Vec<Stands> {
        let mut taken: BTreeMap<String, u32> = BTreeMap::new();
        for held in self.rig.vendor.held() {
            *taken.entry(held.reference).or_default() += 1;
        }
        assert!(
            taken.values().all(|times| *times == 1),
            "after {after:?} the vendor has one twice: {taken:?}"
        );
        // P3: nothing is done over what staff did since.
        let overtaking = self.rig.vendor.overtaking();
        assert!(
            overtaking.is_empty(),
            "after {after:?} a change was sent that staff overtook: {overtaking:?}"
        );
        // P4: of all that the practice's system has or may still do, no two are at one time.
        let mut times = BTreeSet::new();
        for held in self.rig.vendor.held() {
            if let (Write::BookAppointment(new), false) =
                (&held.write, matches!(held.outcome, WriteOutcome::Failed { .. }))
            {
                assert!(
                    times.insert(new.window.start),
                    "after {after:?} two have one time: {}",
                    held.reference
                );
                assert!(
                    !self.by_hand.contains(&new.window.start),
                    "after {after:?} a time that staff filled by hand was given away: {}",
                    held.reference
                );
            }
        }
        let rows = self.rows().await;
        let replayed: BTreeSet<WritebackId> = rows.iter().filter_map(|row| row.replays).collect();
        let held = self.rig.vendor.held();
        for row in rows.iter().filter(|row| !replayed.contains(&row.id)) {
            let outcome = held.iter().find(|held| held.reference == row.reference).map(|held| &held.outcome);
            let done = matches!(outcome, Some(WriteOutcome::Succeeded { .. }));
            match row.state {
                S::Succeeded => {
                    let done = done || self.rig.vendor.was_found_done(&row.reference);
                    assert!(done, "after {after:?}: called done and is not");
                }
                S::Failed => assert!(!done, "after {after:?}: given up and is done: {:?}", row.reason),
                _ => {}
            }
            // P12: what did not land is somebody's, until somebody has said what became of it.
            if matches!(row.state, S::Failed | S::Parked) {
                assert_ne!(row.is_task, row.is_given_up, "after {after:?}: {} {:?}", row.state, row.reason);
            }
        }
        rows
    }

    /// Every write as it stands, replays and what they replay: read as they are stored, which is quicker than as
    /// their tenant and opening what is sealed.
    async fn rows(&self) -> Vec<Stands> {
        let sql = format!(
            "SELECT id::text, state, replays::text, reference, reason,
                 EXISTS (SELECT FROM staff_tasks t WHERE t.writeback_id = w.id AND t.done_at IS NULL),
                 coalesce(reason = 'settled_by_staff', false)
                     OR EXISTS (SELECT FROM pms_writeback_drops d WHERE d.writeback_id = w.id)
             FROM pms_writebacks w WHERE connection_id = '{}'",
            self.rig.due.connection.uuid()
        );
        let rows = self.rig.owner.query(&sql, &[]).await.unwrap();
        let id = |text: &str| WritebackId::from_uuid(text.parse().unwrap());
        let state = |word: &str| S::ALL.into_iter().find(|state| state.as_str() == word).unwrap();
        let rows: Vec<Stands> = rows
            .iter()
            .map(|row| Stands {
                id: id(row.get(0)),
                state: state(row.get(1)),
                replays: row.get::<_, Option<&str>>(2).map(id),
                reference: row.get(3),
                reason: row.get(4),
                is_task: row.get(5),
                is_given_up: row.get(6),
            })
            .collect();
        let ids: BTreeSet<WritebackId> = rows.iter().map(|row| row.id).collect();
        let wished: BTreeSet<WritebackId> = self.wishes.iter().copied().collect();
        assert_eq!(ids, wished, "a write is gone, or nobody wished for it");
        rows
    }

    /// The faults end; everything must come to its end.
    async fn heal(&mut self) {
        self.late_replies().await;
        self.rig.vendor.behave();
        let due = self.rig.due;
        for round in 0..60 {
            self.rig.expire_leases().await;
            self.rig.pass().await;
            self.rig.carrier.reap().await.unwrap();
            while self.rig.carrier.send_next(due).await.unwrap() {}
            self.rig.vendor.settle(None);
            self.rig.other.look(due).await.unwrap();
            self.rig.carrier.look_for_lost(due).await.unwrap();
            let rows = self.check(&Event::Open).await;
            let open = rows.iter().filter(|row| !row.state.is_final()).count();
            if open == 0 {
                return;
            }
            // What waits for a write that was set aside ends with its own deadline.
            if round == 30 {
                self.rig.expire_deadlines().await;
            }
            assert!(round < 59, "{open} wishes never came to their end");
        }
    }
}

async fn live(ground: Arc<Ground>, history: Vec<Event>) {
    let mut world = World {
        rig: Rig::on(ground).await,
        wishes: Vec::new(),
        lingering: Vec::new(),
        by_hand: BTreeSet::new(),
    };
    for which in ["a0", "a1"] {
        world.rig.vendor.stands(which, slot(900));
    }
    for event in &history {
        world.happen(event).await;
        world.check(event).await;
    }
    world.heal().await;
}

/// So many histories share a database: what they leave must not slow those that come after.
const OF_ONE_DATABASE: u32 = 250;

/// Walks histories one after the other; returns how many, and how many events.
fn walk(histories: u32) -> (u32, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (walked, events) = (Cell::new(0), Cell::new(0));
    let mut left = histories;
    while left > 0 {
        let cases = left.min(OF_ONE_DATABASE);
        left -= cases;
        let ground = runtime.block_on(Ground::new());
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
        TestRunner::new(config)
            .run(&prop::collection::vec(event(), 5..40), |history| {
                walked.set(walked.get() + 1);
                events.set(events.get() + history.len());
                runtime.block_on(live(ground.clone(), history));
                Ok(())
            })
            .unwrap();
    }
    (walked.get(), events.get())
}

#[test]
fn p3_p4_p5_p12_whatever_happens_each_wish_is_taken_at_most_once_and_none_is_forgotten() {
    let histories: u32 =
        std::env::var("MODEL_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    // While a lane waits for its database, another computes.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let lanes = u32::try_from((cores * 2).clamp(1, 16)).unwrap();
    let each = histories.div_ceil(lanes);
    let lanes: Vec<_> = (0..lanes).map(|_| std::thread::spawn(move || walk(each))).collect();
    let mut all = (0, 0);
    for lane in lanes {
        // A lane that failed has printed the shortest history that fails.
        let (walked, events) = lane.join().unwrap();
        all = (all.0 + walked, all.1 + events);
    }
    println!("{} histories were walked, {} events", all.0, all.1);
}
