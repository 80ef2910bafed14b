//! Order: what shares a key waits in one lane and leaves it one at a time.

use std::collections::{HashMap, VecDeque};

/// A lane exists while something of its key is being handled; what else has that key waits in it.
#[derive(Debug)]
pub(crate) struct Lanes<T> {
    lanes: HashMap<String, VecDeque<T>>,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { lanes: HashMap::new() }
    }
}

impl<T> Lanes<T> {
    /// Gives the item back if it may start now; keeps it waiting otherwise.
    pub(crate) fn admit(&mut self, key: &str, item: T) -> Option<T> {
        if let Some(waiting) = self.lanes.get_mut(key) {
            waiting.push_back(item);
            return None;
        }
        self.lanes.insert(key.to_owned(), VecDeque::new());
        Some(item)
    }

    /// Ends the item being handled and gives the next of its lane, which may start now.
    pub(crate) fn release(&mut self, key: &str) -> Option<T> {
        let next = self.lanes.get_mut(key)?.pop_front();
        if next.is_none() {
            self.lanes.remove(key);
        }
        next
    }

    /// Takes everything that waits behind the item being handled, in order.
    pub(crate) fn take_waiting(&mut self, key: &str) -> VecDeque<T> {
        self.lanes.get_mut(key).map(std::mem::take).unwrap_or_default()
    }

    /// Forgets everything that waits; what is being handled keeps its lane.
    pub(crate) fn drop_waiting(&mut self) {
        self.lanes.values_mut().for_each(VecDeque::clear);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p11_one_key_is_handled_one_at_a_time_and_in_order() {
        let mut lanes = Lanes::default();
        assert_eq!(lanes.admit("a", 1), Some(1));
        assert_eq!(lanes.admit("a", 2), None);
        assert_eq!(lanes.admit("a", 3), None);
        assert_eq!(lanes.admit("b", 4), Some(4), "another key does not wait");
        assert_eq!(lanes.release("a"), Some(2));
        assert_eq!(lanes.release("a"), Some(3));
        assert_eq!(lanes.release("a"), None);
        assert_eq!(lanes.admit("a", 5), Some(5), "an empty lane is gone");
    }

    #[test]
    fn a_redelivered_letter_waits_for_its_own_earlier_handling() {
        let mut lanes = Lanes::default();
        assert_eq!(lanes.admit("a", 1), Some(1));
        lanes.admit("a", 2);
        lanes.drop_waiting();
        assert_eq!(lanes.admit("a", 1), None);
        assert_eq!(lanes.release("a"), Some(1));
    }

    #[test]
    fn what_waits_behind_a_requeued_letter_goes_back_in_order() {
        let mut lanes = Lanes::default();
        lanes.admit("a", 1);
        lanes.admit("a", 2);
        lanes.admit("a", 3);
        assert_eq!(lanes.take_waiting("a"), [2, 3]);
        assert_eq!(lanes.release("a"), None);
    }
}
