//! What a run does to its stack, and when: all of it drawn from the seed before the run begins.

use std::time::Duration;

use serde_json::{Value, json};

use crate::stack::Server;

/// The services that are killed, by the name of their program.
pub(super) const SERVICES: [&str; 4] = ["token-refresher", "sikka-worker", "pms-api", "webhook-gateway"];
/// A queue that was declared a moment before its broker is killed may come back without a leader.
const FIRST_SERVER: u64 = 12_000;

/// Numbers that are the same for the same seed, on every machine and in every version (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Draw(u64);

impl Draw {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to `high`, both included.
    pub(super) const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    pub(super) const fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T], otherwise: T) -> T {
        let index = usize::try_from(self.next() % (all.len() as u64).max(1)).unwrap_or_default();
        all.get(index).copied().unwrap_or(otherwise)
    }

    fn shuffled<T: Copy, const N: usize>(&mut self, mut all: [T; N]) -> [T; N] {
        for last in (1..N).rev() {
            let other = usize::try_from(self.between(0, last as u64)).unwrap_or_default();
            all.swap(last, other);
        }
        all
    }
}

/// Something done at a moment of the run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct At<T> {
    pub(super) at: Duration,
    pub(super) what: T,
}

/// Processes that are killed together and started again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Processes {
    pub(super) names: Vec<String>,
    pub(super) down: Duration,
}

/// Servers that are killed together and started again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Servers {
    pub(super) which: Vec<Server>,
    pub(super) down: Duration,
}

/// One turn of a dial of the sandbox.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Dial {
    /// What `/admin/sikka/faults` takes.
    Faults(Value),
    /// An office's own server is off for so long.
    Offline { office: usize, lasts: Duration },
    /// An office's keys run out.
    KeysExpire { office: usize },
    /// Somebody at a desk takes the very time that a booking of ours is on its way to.
    DeskIsFaster,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) processes: Vec<At<Processes>>,
    pub(super) servers: Vec<At<Servers>>,
    pub(super) dials: Vec<At<Dial>>,
}

impl Plan {
    /// Three hands that strike without waiting for each other, each with numbers of its own: a longer
    /// run begins like a shorter one.
    pub(super) fn draw(seed: u64, lasts: Duration, offices: usize) -> Self {
        let mut root = Draw::new(seed);
        let end = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
        Self {
            processes: processes(&mut Draw::new(root.next()), end),
            servers: servers(&mut Draw::new(root.next()), end.saturating_sub(8_000)),
            dials: dials(&mut Draw::new(root.next()), end, offices as u64),
        }
    }
}

fn at<T>(ms: u64, what: T) -> At<T> {
    At { at: Duration::from_millis(ms), what }
}

fn processes(draw: &mut Draw, end: u64) -> Vec<At<Processes>> {
    let mut strikes = Vec::new();
    let mut now = draw.between(3_000, 6_000);
    while now < end {
        for service in draw.shuffled(SERVICES) {
            let second = format!("{service}-2");
            let names = match draw.between(0, 3) {
                0 => vec![service.to_owned(), second],
                1 => vec![second],
                _ => vec![service.to_owned()],
            };
            let down = Duration::from_millis(draw.between(0, 2_500));
            if now < end {
                strikes.push(at(now, Processes { names, down }));
            }
            now += draw.between(2_500, 6_500);
        }
    }
    strikes
}

fn servers(draw: &mut Draw, end: u64) -> Vec<At<Servers>> {
    let mut strikes = Vec::new();
    let mut now = FIRST_SERVER + draw.between(0, 6_000);
    while now < end {
        for server in draw.shuffled([Server::Broker, Server::Database]) {
            let both = draw.percent(20);
            let down = Duration::from_millis(draw.between(0, 4_000));
            let which = if both { vec![Server::Broker, Server::Database] } else { vec![server] };
            if now < end {
                strikes.push(at(now, Servers { which, down }));
            }
            now += draw.between(20_000, 34_000);
        }
    }
    strikes
}

fn dials(draw: &mut Draw, end: u64, offices: u64) -> Vec<At<Dial>> {
    let mut turns = Vec::new();
    let mut now = draw.between(1_000, 3_000);
    while now < end {
        turns.push(at(now, dial(draw, offices)));
        now += draw.between(1_500, 4_000);
    }
    turns
}

fn dial(draw: &mut Draw, offices: u64) -> Dial {
    let office = usize::try_from(draw.between(0, offices.saturating_sub(1))).unwrap_or_default();
    match draw.between(0, 12) {
        0..=2 => Dial::Faults(json!({ "lose_reply_after_write": {
            "count": draw.between(1, 3),
            "how": draw.one_of(&["drop", "hang", "gateway_timeout"], "drop"),
        }})),
        3 | 4 => Dial::Faults(json!({ "fail_next": {
            "count": draw.between(1, 4),
            "status": draw.one_of(&[500, 502, 503, 429], 500),
            "reset_seconds": 2,
            "method": draw.one_of(&["POST", "GET"], "POST"),
        }})),
        5 | 6 => Dial::Faults(json!({
            "latency_ms": draw.between(0, 250), "jitter_ms": draw.between(0, 400),
        })),
        7 => Dial::Faults(json!({ "truncate_next": draw.between(1, 2) })),
        8 => Dial::Offline { office, lasts: Duration::from_millis(draw.between(2_000, 9_000)) },
        9 => Dial::KeysExpire { office },
        _ => Dial::DeskIsFaster,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_MINUTES: Duration = Duration::from_secs(120);

    #[test]
    fn the_same_seed_is_the_same_run_and_another_is_another() {
        let plan = Plan::draw(7, TWO_MINUTES, 6);
        assert_eq!(plan, Plan::draw(7, TWO_MINUTES, 6));
        assert_ne!(plan, Plan::draw(8, TWO_MINUTES, 6));
    }

    #[test]
    fn two_minutes_kill_every_service_and_both_servers_whatever_the_seed() {
        for seed in 0..200 {
            let plan = Plan::draw(seed, TWO_MINUTES, 6);
            for service in SERVICES {
                let killed =
                    plan.processes.iter().any(|one| one.what.names.iter().any(|name| name == service));
                let twin = format!("{service}-2");
                let twin_killed = plan.processes.iter().any(|one| one.what.names.contains(&twin));
                assert!(killed || twin_killed, "{service}, seed {seed}");
            }
            for server in [Server::Broker, Server::Database] {
                let killed = plan.servers.iter().any(|one| one.what.which.contains(&server));
                assert!(killed, "{server:?}, seed {seed}");
            }
        }
    }

    #[test]
    fn a_longer_run_begins_like_a_shorter_one() {
        let (short, long) = (Plan::draw(3, TWO_MINUTES, 6), Plan::draw(3, TWO_MINUTES * 4, 6));
        assert!(long.processes.starts_with(&short.processes));
        assert!(long.servers.starts_with(&short.servers));
        assert!(long.dials.starts_with(&short.dials));
    }
}
