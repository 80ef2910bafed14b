//! The envelope of every list: filter, sort, cut a page, render (contract 3.1 to 3.4).

use std::cmp::Ordering;
use std::sync::Arc;

use serde::Serialize;

use super::call::Query;
use super::errors::Problem;
use super::record::{LOADED, Record, Table, View};
use super::rql;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 5000;

/// The quirks of an envelope and its rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looks {
    /// It comes in an array of one.
    pub array_wrapped: bool,
    /// Its rows say `1-1` for practice 1.
    pub composite_practice_ids: bool,
}

/// One page of a list, cut but not yet rendered.
#[derive(Debug)]
pub struct Page {
    rows: Vec<Arc<Record>>,
    columns: Vec<&'static str>,
    total: usize,
    offset: usize,
    limit: usize,
    link: String,
}

impl Page {
    /// Filters `rows` by the query, sorts them, and cuts the page the query asks for. `link` is the list's own
    /// absolute URL without a query.
    ///
    /// # Errors
    /// 400 API1026 for a page, limit, date or `find` expression that cannot be read.
    pub fn of<'a>(
        rows: impl Iterator<Item = &'a Arc<Record>>,
        table: &'static Table,
        query: &Query,
        link: String,
    ) -> Result<Self, Problem> {
        let offset = number(query, "offset")?.unwrap_or(0);
        let limit = number(query, "limit")?.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
        let filter = Filter::new(table, query)?;
        let mut found: Vec<Arc<Record>> = rows.filter(|row| filter.takes(row)).cloned().collect();
        if let Some(key) = query.get("sort_by").and_then(|key| table.sort.iter().find(|known| **known == key))
        {
            found.sort_by(|a, b| compare(a.get(key), b.get(key)));
            if query.get("sort_order").is_some_and(|order| order.to_ascii_lowercase().starts_with("desc")) {
                found.reverse();
            }
        }
        let total = found.len();
        // `offset` is a page number: the row it starts at is offset times limit.
        let rows = found.into_iter().skip(offset.saturating_mul(limit)).take(limit).collect();
        let lightweight = query.get("lightweight").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
        let columns = table.columns(query.get("fields"), lightweight);
        Ok(Self { rows, columns, total, offset, limit, link })
    }

    /// Whether the page has no rows, which the vendor answers with 204.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The page as JSON.
    pub fn render(&self, looks: Looks) -> String {
        let last = self.total.saturating_sub(1) / self.limit;
        let at = |page: usize| format!("{}?offset={page}&limit={}", self.link, self.limit);
        let envelope = Envelope {
            offset: self.offset.to_string(),
            limit: self.limit.to_string(),
            total_count: self.total.to_string(),
            execution_time: "12",
            pagination: Links {
                first: at(0),
                previous: self.offset.checked_sub(1).map(at).unwrap_or_default(),
                current: at(self.offset),
                next: if self.offset < last { at(self.offset + 1) } else { String::new() },
                last: at(last),
            },
            items: self
                .rows
                .iter()
                .map(|record| View {
                    record,
                    columns: &self.columns,
                    composite: looks.composite_practice_ids,
                })
                .collect(),
        };
        let text = if looks.array_wrapped {
            serde_json::to_string(&[envelope])
        } else {
            serde_json::to_string(&envelope)
        };
        text.unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    offset: String,
    limit: String,
    total_count: String,
    execution_time: &'static str,
    pagination: Links,
    items: Vec<View<'a>>,
}

#[derive(Serialize)]
struct Links {
    first: String,
    previous: String,
    current: String,
    next: String,
    last: String,
}

struct Filter<'q> {
    equal: Vec<(&'static str, &'q str)>,
    date: Option<&'static str>,
    from: Option<&'q str>,
    to: Option<&'q str>,
    loaded_from: Option<String>,
    loaded_to: Option<String>,
    find: Option<rql::Find>,
}

impl<'q> Filter<'q> {
    fn new(table: &'static Table, query: &'q Query) -> Result<Self, Problem> {
        let equal = table.filters.iter().filter_map(|name| Some((*name, query.get(name)?))).collect();
        let chosen = query.get("date_filter_on");
        let date =
            table.dates.iter().find(|column| chosen == Some(column)).or_else(|| table.dates.first()).copied();
        let from = date.and(day(query, "startdate")?);
        let to = date.and(day(query, "enddate")?);
        // A bare date as the end of a change range means the whole of that day.
        let loaded_from = query.get("loaded_startdate").map(str::to_owned);
        let loaded_to = query
            .get("loaded_enddate")
            .map(|end| if end.len() == 10 { format!("{end}T23:59:59") } else { end.to_owned() });
        let find = query.get("find").map(|text| rql::Find::parse(text, table)).transpose()?;
        Ok(Self { equal, date, from, to, loaded_from, loaded_to, find })
    }

    fn takes(&self, row: &Record) -> bool {
        if let Some(column) = self.date {
            let day = row.get(column).get(..10).unwrap_or("");
            if self.from.is_some_and(|from| day < from) || self.to.is_some_and(|to| day > to) {
                return false;
            }
        }
        let loaded = row.get(LOADED);
        self.loaded_from.as_deref().is_none_or(|from| loaded >= from)
            && self.loaded_to.as_deref().is_none_or(|to| loaded <= to)
            && self.equal.iter().all(|(name, wanted)| row.get(name).eq_ignore_ascii_case(wanted))
            && self.find.as_ref().is_none_or(|find| find.takes(row))
    }
}

/// Orders as numbers where both are numbers, as text otherwise.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        _ => a.cmp(b),
    }
}

fn number(query: &Query, name: &str) -> Result<Option<usize>, Problem> {
    let Some(text) = query.get(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| Problem::invalid(format!("{name} is not a whole number")))
}

fn day<'q>(query: &'q Query, name: &str) -> Result<Option<&'q str>, Problem> {
    let Some(text) = query.get(name) else { return Ok(None) };
    match text.parse::<jiff::civil::Date>() {
        Ok(_) if text.len() == 10 => Ok(Some(text)),
        Ok(_) | Err(_) => Err(Problem::invalid(format!("{name} is not yyyy-mm-dd"))),
    }
}
