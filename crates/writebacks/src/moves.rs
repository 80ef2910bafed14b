use domain::WritebackState as S;

/// Who may move a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The worker that holds the lease.
    Worker,
    /// Whoever finds that the lease ran out, or the deadline.
    Reaper,
    /// A person.
    Staff,
}

/// Every move there is. What is not in this table never happens. `docs/writebacks.md` draws it.
const MOVES: &[(S, S, Actor)] = &[
    (S::Queued, S::Sending, Actor::Worker),
    // Not sent after all: the key, the budget or the practice's server was not there.
    (S::Sending, S::Queued, Actor::Worker),
    (S::Sending, S::Submitted, Actor::Worker),
    // The reply was lost.
    (S::Sending, S::Unknown, Actor::Worker),
    // Refused on the spot.
    (S::Sending, S::Failed, Actor::Worker),
    (S::Sending, S::Parked, Actor::Worker),
    // The worker died.
    (S::Sending, S::Unknown, Actor::Reaper),
    // Found at the vendor.
    (S::Unknown, S::Submitted, Actor::Worker),
    (S::Unknown, S::Succeeded, Actor::Worker),
    // Looked for and found nowhere: it may be sent again.
    (S::Unknown, S::Queued, Actor::Worker),
    // Looked for and found nowhere too often: a person must look.
    (S::Unknown, S::Parked, Actor::Worker),
    // Looked for without an answer.
    (S::Unknown, S::Unknown, Actor::Worker),
    (S::Submitted, S::Submitted, Actor::Worker),
    (S::Submitted, S::Succeeded, Actor::Worker),
    (S::Submitted, S::Failed, Actor::Worker),
    // Refused for a time that another try of it may have taken: a person must look.
    (S::Submitted, S::Parked, Actor::Worker),
    // Past its deadline: never sent is failed, anything else needs a person.
    (S::Queued, S::Failed, Actor::Reaper),
    (S::Unknown, S::Parked, Actor::Reaper),
    (S::Submitted, S::Parked, Actor::Reaper),
    // Not sent, and staff have given it up: they entered it by hand, or nobody wants it any more.
    (S::Queued, S::Failed, Actor::Staff),
    // Staff looked, and decided.
    (S::Parked, S::Failed, Actor::Staff),
    (S::Parked, S::Succeeded, Actor::Staff),
];

/// Where a replay starts: behind the question that is still open. It is a write of its own; the one that
/// it tries again is not moved.
const REPLAYS_START: &[S] = &[
    // Never sent, or certainly refused.
    S::Queued,
    // It may have been taken: look before sending.
    S::Unknown,
    // The vendor took it: ask how it stands.
    S::Submitted,
];

/// Whether `actor` may move a write from `from` to `to`.
#[must_use]
pub fn allowed(from: S, to: S, actor: Actor) -> bool {
    MOVES.contains(&(from, to, actor))
}

/// Whether a replay may start in `state`.
pub(crate) fn starts_replay(state: S) -> bool {
    REPLAYS_START.contains(&state)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn p3_nothing_is_sent_again_without_looking_first() {
        for state in S::ALL {
            let by_itself = [Actor::Worker, Actor::Reaper].iter().any(|&who| allowed(state, S::Queued, who));
            assert_eq!(by_itself, matches!(state, S::Sending | S::Unknown), "{state}");
        }
        assert!(S::ALL.into_iter().all(|state| !allowed(state, S::Queued, Actor::Staff)));
    }

    #[test]
    fn p5_only_a_look_at_the_vendor_ends_in_success() {
        for state in S::ALL {
            assert!(!allowed(state, S::Succeeded, Actor::Reaper), "{state}");
        }
        assert!(!allowed(S::Sending, S::Succeeded, Actor::Worker));
    }

    #[test]
    fn a_final_state_is_left_by_staff_alone() {
        for from in S::ALL.into_iter().filter(|state| state.is_final()) {
            for to in S::ALL {
                assert!(!allowed(from, to, Actor::Worker) && !allowed(from, to, Actor::Reaper));
            }
        }
    }

    #[test]
    fn p12_every_state_that_is_not_final_has_a_way_out_without_a_worker_or_is_left_by_one() {
        for from in S::ALL.into_iter().filter(|state| !state.is_final()) {
            assert!(S::ALL.into_iter().any(|to| allowed(from, to, Actor::Reaper)), "{from}");
        }
    }

    /// The picture of `docs/writebacks.md`: one line a move, `from --> to: who`.
    fn drawn() -> BTreeSet<(String, String, String)> {
        const PAGE: &str = include_str!("../../../docs/writebacks.md");
        let picture = PAGE.split("```mermaid").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        picture
            .lines()
            .filter_map(|line| {
                let (from, rest) = line.trim().split_once(" --> ")?;
                let (to, who) = rest.split_once(": ")?;
                Some((from, to, who))
            })
            .flat_map(|(from, to, who)| {
                who.split(", ").map(move |who| (from.to_owned(), to.to_owned(), who.to_owned()))
            })
            .collect()
    }

    #[test]
    fn the_picture_in_the_docs_is_the_table() {
        let mut table: BTreeSet<(String, String, String)> = MOVES
            .iter()
            .map(|(from, to, who)| {
                (from.to_string(), to.to_string(), format!("{who:?}").to_ascii_lowercase())
            })
            .collect();
        table.insert(("[*]".to_owned(), "queued".to_owned(), "wish".to_owned()));
        for start in REPLAYS_START {
            table.insert(("[*]".to_owned(), start.to_string(), "replay".to_owned()));
        }
        assert_eq!(drawn(), table);
    }

    #[test]
    fn p3_a_replay_of_what_may_have_been_taken_starts_behind_the_sending() {
        for state in S::ALL.into_iter().filter(|state| starts_replay(*state)) {
            assert!(!state.is_final() && state != S::Sending, "{state}");
        }
    }
}
