//! P3 and P5 under random histories: crashes, lost and late replies, errors, two carriers.
//!
//! Whatever happens, the vendor takes each wish at most once, nothing is called done that is not, and
//! nothing is forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{WritebackId, WritebackState as S};
use jiff::SignedDuration;
use pms::{Advice, ErrorKind, FailureReason, Write, WriteOutcome};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use testbed::Database;
use tokio::task::JoinHandle;
use writebacks::{CarryError, Requested};

use crate::changes::{cancelling, moving, note};
use crate::rig::{Rig, booking, patient};
use crate::vendor::Fate;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    /// Somebody wishes for a booking; the fourth and fifth are one wish made twice.
    Wish(i64),
    /// A new patient and their booking.
    Chain,
    /// Somebody wishes for a move or a cancellation of one of two appointments, or adds a note.
    Change(i64),
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
        4 => (0..5i64).prop_map(Event::Wish),
        1 => Just(Event::Chain),
        3 => (0..7i64).prop_map(Event::Change),
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

struct World {
    rig: Rig,
    wishes: Vec<WritebackId>,
    lingering: Vec<JoinHandle<Result<bool, CarryError>>>,
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
            Event::Wish(number) => {
                let minute = (number % 4) * 30;
                self.wish(&booking(minute), &format!("booking {minute}"), None).await;
            }
            Event::Chain => {
                let first = self.wish(&patient(), "nora", None).await;
                self.wish(&booking(600), "nora's booking", first).await;
            }
            Event::Change(number) => {
                let appointment = format!("a{}", number % 2);
                let write = match number {
                    0..2 => cancelling(&appointment, None),
                    2..6 => moving(&appointment, 900, (number - 2) / 2 * 30),
                    _ => note(),
                };
                self.wish(&write, &format!("change {number}"), None).await;
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

    async fn late_replies(&mut self) {
        for task in self.lingering.drain(..) {
            self.rig.vendor.go_on.add_permits(1);
            task.await.unwrap().unwrap();
        }
    }

    /// What must hold at every moment.
    async fn check(&self, after: &Event) {
        let mut taken: BTreeMap<String, u32> = BTreeMap::new();
        for held in self.rig.vendor.held() {
            *taken.entry(held.reference).or_default() += 1;
        }
        assert!(
            taken.values().all(|times| *times == 1),
            "after {after:?} the vendor has one twice: {taken:?}"
        );
        for id in &self.wishes {
            let row = self.rig.row(*id).await;
            let outcome = self
                .rig
                .vendor
                .held()
                .into_iter()
                .find(|held| held.reference == row.reference)
                .map(|held| held.outcome);
            let done = matches!(outcome, Some(WriteOutcome::Succeeded { .. }));
            match row.state {
                S::Succeeded => assert!(done, "after {after:?}: called done and is not"),
                S::Failed => assert!(!done, "after {after:?}: given up and is done: {:?}", row.reason),
                _ => {}
            }
        }
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
            self.check(&Event::Open).await;
            let mut open = 0;
            for id in &self.wishes {
                open += usize::from(!self.rig.state(*id).await.is_final());
            }
            if open == 0 {
                return;
            }
            assert!(round < 59, "{open} wishes never came to their end");
        }
    }
}

async fn live(database: Arc<Database>, history: Vec<Event>) {
    let mut world = World { rig: Rig::on(database).await, wishes: Vec::new(), lingering: Vec::new() };
    for event in &history {
        world.happen(event).await;
        world.check(event).await;
    }
    world.heal().await;
}

#[test]
fn p3_whatever_happens_the_vendor_takes_each_wish_at_most_once_and_none_is_forgotten() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let database = runtime.block_on(crate::rig::database());
    let config = Config { cases: 40, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    TestRunner::new(config)
        .run(&prop::collection::vec(event(), 5..40), |history| {
            runtime.block_on(live(database.clone(), history));
            Ok(())
        })
        .unwrap();
}
