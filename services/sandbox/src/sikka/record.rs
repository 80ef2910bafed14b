//! One row of a list call: named strings, and which of them a table shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// A row as the cloud keeps it. Every value is a string and an absent one reads as `""` (contract 3.5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record(BTreeMap<&'static str, String>);

impl Record {
    /// A row of the given fields.
    pub fn of<const N: usize>(fields: [(&'static str, String); N]) -> Self {
        Self(fields.into_iter().collect())
    }

    /// The value of a field, `""` when the row has none.
    pub fn get(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }

    /// Puts a field in place, whatever it held before.
    pub fn set(&mut self, field: &'static str, value: impl Into<String>) {
        self.0.insert(field, value.into());
    }

    /// A number that changes when any field but the row's own bookkeeping changes.
    pub fn fingerprint(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        for (name, value) in self.0.iter().filter(|(name, _)| !matches!(**name, "rowhash" | LOADED)) {
            (name, value).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// Local time at which the row last changed in the cloud copy; only `loaded_startdate`/`loaded_enddate` read it.
pub const LOADED: &str = "\u{0}loaded";

/// What one list call offers: its columns, its filters, its sort keys.
#[derive(Debug)]
pub struct Table {
    /// Columns of every answer.
    pub standard: &'static [&'static str],
    /// Columns shown only when `fields=` names them or says `get_all`.
    pub more: &'static [&'static str],
    /// Parameters that filter by equality, ignoring case.
    pub filters: &'static [&'static str],
    /// Columns `startdate`/`enddate` may look at; the first is the default. Empty: no date range.
    pub dates: &'static [&'static str],
    /// Columns `sort_by` may name; the first is the default order.
    pub sort: &'static [&'static str],
}

impl Table {
    /// Whether the table has a column of this name at all.
    pub fn has(&self, column: &str) -> bool {
        self.standard.contains(&column) || self.more.contains(&column)
    }

    /// The columns one call shows (contract 3.3).
    pub fn columns(&self, fields: Option<&str>, lightweight: bool) -> Vec<&'static str> {
        let named: Vec<&str> = fields.unwrap_or("").split(',').map(str::trim).collect();
        if named.contains(&"get_all") {
            return [self.standard, self.more].concat();
        }
        let all = self.standard.iter().chain(self.more);
        if lightweight && named.iter().any(|name| self.has(name)) {
            return all.filter(|column| named.contains(*column)).copied().collect();
        }
        all.filter(|column| self.standard.contains(column) || named.contains(*column)).copied().collect()
    }
}

/// A row seen through a choice of columns, in their order.
pub struct View<'a> {
    /// The row.
    pub record: &'a Arc<Record>,
    /// The columns shown.
    pub columns: &'a [&'static str],
    /// Whether its practice is written as a composite.
    pub composite: bool,
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for column in self.columns {
            let value = self.record.get(column);
            if self.composite && *column == "practice_id" && !value.is_empty() {
                map.serialize_entry(column, &format!("1-{value}"))?;
            } else {
                map.serialize_entry(column, value)?;
            }
        }
        map.end()
    }
}
