use pms::{ErrorKind, PmsError};
use serde::de::DeserializeOwned;
use vendor_http::{Reply, Request};

use super::{Calls, Door, read};
use crate::error::{self, Call};
use crate::wire::Envelope;

/// Rows asked for at a time, where a list does not say otherwise; the vendor allows 5000.
const LIMIT: usize = 500;
/// No list of this adapter is longer than this many pages; a vendor that goes on is going round in circles.
const MOST: usize = 200;

/// The pages of a list, one after the other. `offset` counts pages, not rows.
pub(crate) struct Pages<'a> {
    calls: &'a Calls,
    door: Door,
    request: Request,
    limit: usize,
    /// Pages read so far.
    pub(crate) page: usize,
    rows: usize,
    /// All rows of the list, by the vendor's count.
    total: Option<usize>,
    pub(crate) over: bool,
    /// Whether the vendor was still loading the data it answered with.
    pub(crate) loading: bool,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(calls: &'a Calls, door: Door, request: Request) -> Self {
        Self::of(LIMIT, calls, door, request)
    }

    /// Pages of `limit` rows.
    pub(crate) fn of(limit: usize, calls: &'a Calls, door: Door, request: Request) -> Self {
        Self {
            calls,
            door,
            request: request.query("limit", limit.to_string()),
            limit,
            page: 0,
            rows: 0,
            total: None,
            over: false,
            loading: false,
        }
    }

    /// From this page on, with so many rows on those before it.
    pub(crate) fn from(mut self, page: usize, rows: usize) -> Self {
        self.page = page;
        self.rows = rows;
        self
    }

    /// Every row that is left.
    pub(crate) async fn all<T: DeserializeOwned>(mut self) -> Result<Vec<T>, PmsError> {
        let mut rows = Vec::new();
        while let Some(mut page) = self.next().await? {
            rows.append(&mut page);
        }
        Ok(rows)
    }

    /// How many pages the list has, as far as the vendor has told: at least those that were read.
    pub(crate) fn of_all(&self) -> usize {
        self.total.unwrap_or(0).div_ceil(self.limit).max(self.page)
    }

    /// The next page with rows in it, `None` after the last.
    ///
    /// A list that ends before the vendor's own count of it is an error: half a list is none.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<Vec<T>>, PmsError> {
        if self.over {
            return Ok(None);
        }
        if self.page == MOST {
            return Err(error::broken(Call::Read).code("too many pages"));
        }
        let request = self.request.clone().query("offset", self.page.to_string());
        let reply = self.calls.send(self.door, &request, Call::Read).await?;
        self.loading |= reply.header("data-insert").is_some_and(|word| word.trim() == "in progress");
        let mut envelope: Envelope<T> = page(&reply)?;
        let items = envelope.items.take().unwrap_or_default();
        // A vendor that does not know `offset` would answer its first page for ever.
        let echoed = envelope.offset.str();
        if !echoed.is_empty() && echoed != self.page.to_string() {
            return Err(error::broken(Call::Read).code("another page than asked for"));
        }
        self.page += 1;
        self.rows += items.len();
        let total = envelope.total_count.str().parse::<usize>().ok();
        self.total = total;
        self.over = match total {
            _ if items.is_empty() => true,
            Some(total) => self.rows >= total,
            None => envelope.is_last().unwrap_or(items.len() < self.limit),
        };
        if self.over && total.is_some_and(|total| self.rows < total) {
            return Err(error::broken(Call::Read).code("fewer rows than counted"));
        }
        Ok(Some(items).filter(|rows| !rows.is_empty()))
    }
}

/// A page, where "nothing found" is one without rows, however it is said.
fn page<T: DeserializeOwned>(reply: &Reply) -> Result<Envelope<T>, PmsError> {
    if reply.is_success() && reply.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Envelope::empty());
    }
    if !reply.is_success() {
        let refused = error::refused(reply, Call::Read);
        return if refused.code.as_deref() == Some("API2005") { Ok(Envelope::empty()) } else { Err(refused) };
    }
    let envelope: Envelope<T> = read(reply, Call::Read)?;
    if envelope.error_code.str() == "API2005" {
        return Ok(Envelope::empty());
    }
    // An error in the place of a list must not pass for an empty one.
    if envelope.items.is_none() && envelope.total_count.str() != "0" {
        let refused = error::refused(reply, Call::Read);
        return Err(if refused.kind == ErrorKind::Unreadable { error::broken(Call::Read) } else { refused });
    }
    Ok(envelope)
}
