/// Stretches of seconds, sorted, apart from each other and never empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spans(Vec<(i64, i64)>);

impl Spans {
    /// From stretches in any order; those that touch or overlap become one, empty ones vanish.
    pub(crate) fn of(mut spans: Vec<(i64, i64)>) -> Self {
        spans.retain(|(start, end)| start < end);
        spans.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::with_capacity(spans.len());
        for (start, end) in spans {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        Self(merged)
    }

    /// What both have.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            let (start, end) = (a.0.max(b.0), a.1.min(b.1));
            if start < end {
                both.push((start, end));
            }
            if a.1 <= b.1 {
                left.next();
            } else {
                right.next();
            }
        }
        Self(both)
    }

    /// What is left without `taken`.
    pub(crate) fn without(&self, taken: &Self) -> Self {
        let mut left = Vec::with_capacity(self.0.len());
        let mut from = 0;
        for &(mut start, end) in &self.0 {
            while taken.0.get(from).is_some_and(|span| span.1 <= start) {
                from += 1;
            }
            for &(busy_start, busy_end) in taken.0.get(from..).unwrap_or_default() {
                if busy_start >= end {
                    break;
                }
                if start < busy_start {
                    left.push((start, busy_start));
                }
                start = start.max(busy_end);
            }
            if start < end {
                left.push((start, end));
            }
        }
        Self(left)
    }

    /// Whether one stretch holds all of it.
    pub(crate) fn hold(&self, start: i64, end: i64) -> bool {
        let after = self.0.partition_point(|span| span.0 <= start);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|span| end <= span.1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.0.iter().copied()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_spans() -> impl Strategy<Value = Vec<(i64, i64)>> {
        proptest::collection::vec(
            (0_i64..60, 0_i64..20).prop_map(|(start, length)| (start, start + length)),
            0..8,
        )
    }

    fn has(spans: &[(i64, i64)], second: i64) -> bool {
        spans.iter().any(|(start, end)| (*start..*end).contains(&second))
    }

    proptest! {
        #[test]
        fn spans_add_up_second_by_second(a in any_spans(), b in any_spans()) {
            let (left, right) = (Spans::of(a.clone()), Spans::of(b.clone()));
            let (both, rest) = (left.and(&right), left.without(&right));
            for second in 0..80 {
                let (in_a, in_b) = (has(&a, second), has(&b, second));
                prop_assert_eq!(has(&left.0, second), in_a);
                prop_assert_eq!(has(&both.0, second), in_a && in_b);
                prop_assert_eq!(has(&rest.0, second), in_a && !in_b);
                prop_assert_eq!(left.hold(second, second + 3), (second..second + 3).all(|s| has(&a, s)));
            }
            for spans in [&left, &both, &rest] {
                prop_assert!(spans.0.windows(2).all(|pair| pair[0].1 <= pair[1].0));
                prop_assert!(spans.0.iter().all(|(start, end)| start < end));
            }
        }
    }
}
