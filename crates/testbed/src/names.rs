//! Names that tell when they were made, so that what a crashed run left behind can be swept.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// No test run lasts this long; anything older belongs to nobody.
const STALE: Duration = Duration::from_secs(2 * 60 * 60);

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A new name: prefix, birth second, and a random rest.
pub(crate) fn fresh(prefix: &str) -> String {
    format!("{prefix}{}_{}", seconds(SystemTime::now()), Uuid::new_v4().simple())
}

/// Whether `name` was made by [`fresh`] with this prefix, long ago.
pub(crate) fn is_stale(prefix: &str, name: &str) -> bool {
    born(prefix, name).is_some_and(|born| born + STALE.as_secs() < seconds(SystemTime::now()))
}

fn born(prefix: &str, name: &str) -> Option<u64> {
    name.strip_prefix(prefix)?.split_once('_')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_made_now_is_not_stale() {
        assert!(!is_stale("sb_", &fresh("sb_")));
    }

    #[test]
    fn a_name_made_yesterday_is_stale() {
        let yesterday = seconds(SystemTime::now()) - 24 * 60 * 60;
        assert!(is_stale("sb_", &format!("sb_{yesterday}_abc")));
    }

    #[test]
    fn a_name_of_somebody_else_is_never_stale() {
        assert!(!is_stale("sb_", "postgres"));
        assert!(!is_stale("sb_", "sb_production_1"));
    }
}
