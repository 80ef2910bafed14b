use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use moka::Expiry;
use moka::future::Cache;
use pms::PmsError;

use super::Calls;
use crate::wire;

/// How old a page may be for each page that its list has. An office looks every few seconds at most, so this costs no
/// answer more than a moment, and a list of any length costs a request a second at most.
const FRESH_A_PAGE: Duration = Duration::from_secs(1);
/// How old a page of the list of writes may be, however long the list. A write that was sent since is not on it: whoever
/// takes "it is not there" for "it was not taken" must have waited longer than this (P3).
pub const OLDEST_LIST: Duration = Duration::from_secs(10);
/// Pages kept at once, of all ranges of days.
const MOST: u64 = 64;
/// How old it may be what the vendor said of its copies. An older answer calls a copy older than it is, never newer.
const COPIES_FRESH: Duration = Duration::from_secs(10);

/// What the application asks once for all its offices: a hundred of them that wait for an outcome ask together, and not
/// each for itself, because all share what may be asked in its name.
#[derive(Clone)]
pub(crate) struct Recent {
    writes: Cache<PageKey, Arc<RecentPage>>,
    copies: Cache<(), Arc<Vec<wire::AuthorizedPractice>>>,
}

/// A range of days, and the number of a page.
type PageKey = (Date, Date, usize);

/// One page of the list of writes.
pub(crate) struct RecentPage {
    pub(crate) rows: Vec<wire::Writeback>,
    /// Rows of this page and of those before it.
    rows_so_far: usize,
    /// Whether it is the last one.
    pub(crate) over: bool,
    fresh: Duration,
}

struct ByLength;

impl Expiry<PageKey, Arc<RecentPage>> for ByLength {
    fn expire_after_create(
        &self,
        _: &PageKey,
        page: &Arc<RecentPage>,
        _: std::time::Instant,
    ) -> Option<Duration> {
        Some(page.fresh)
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            writes: Cache::builder().max_capacity(MOST).expire_after(ByLength).build(),
            copies: Cache::builder().max_capacity(1).time_to_live(COPIES_FRESH).build(),
        }
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").finish_non_exhaustive()
    }
}

impl Calls {
    /// The page after `before` of the application's writes of these days, at most as many seconds old as the list has
    /// pages, and at most [`OLDEST_LIST`].
    pub(crate) async fn recent_writebacks(
        &self,
        days: (Date, Date),
        number: usize,
        before: Option<&RecentPage>,
    ) -> Result<Arc<RecentPage>, PmsError> {
        let rows_before = before.map_or(0, |page| page.rows_so_far);
        let reading = async {
            let mut pages = self.writebacks(days).from(number, rows_before);
            let rows = pages.next::<wire::Writeback>().await?.unwrap_or_default();
            let rows_so_far = rows_before + rows.len();
            let pages_of_all = u32::try_from(pages.of_all()).unwrap_or(u32::MAX);
            let fresh = FRESH_A_PAGE.saturating_mul(pages_of_all).min(OLDEST_LIST);
            Ok::<_, PmsError>(Arc::new(RecentPage { rows, rows_so_far, over: pages.over, fresh }))
        };
        let key = (days.0, days.1, number);
        self.sikka.recent.writes.try_get_with(key, reading).await.map_err(|error| shared(&error))
    }

    /// When the vendor copied each practice's system last, in its own words, of all offices of the application.
    pub(crate) async fn recent_copies(&self) -> Result<Arc<Vec<wire::AuthorizedPractice>>, PmsError> {
        // On the heap: it is within each reading of a day book.
        let reading = Box::pin(async { self.copies().await.map(Arc::new) });
        self.sikka.recent.copies.try_get_with((), reading).await.map_err(|error| shared(&error))
    }
}

/// An error that several were told of.
fn shared(error: &Arc<PmsError>) -> PmsError {
    let told = PmsError::new(error.kind, error.advice).caused_by(error.clone());
    match &error.code {
        Some(code) => told.code(code),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vendor_http::MemoryBudget;
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::{Sikka, SikkaApp};

    #[tokio::test]
    async fn p3_p9_a_page_may_be_as_many_seconds_old_as_its_list_has_pages_and_ten_at_most() {
        for (rows, fresh) in [("20000", 4), ("300000", 10)] {
            assert_eq!(page_of(rows).await.fresh, Duration::from_secs(fresh), "{rows}");
        }
    }

    async fn page_of(all: &str) -> Arc<RecentPage> {
        let server = MockServer::start().await;
        let rows: Vec<Value> = (0..2).map(|id| json!({ "id": id.to_string() })).collect();
        let body = json!({ "offset": "0", "total_count": all, "items": rows });
        let answer = ResponseTemplate::new(200).set_body_json(body);
        Mock::given(path("/v4/writebacks")).respond_with(answer).mount(&server).await;
        let app = SikkaApp {
            base_url: format!("{}/v4", server.uri()),
            app_id: "sandbox-app".into(),
            app_key: "sandbox-app-key".into(),
            deadline: Duration::from_secs(4),
        };
        let calls = Sikka::new(app, Arc::new(MemoryBudget::per_minute(60_000))).unwrap().calls();
        let day = Date::constant(2026, 6, 3);
        let page = calls.recent_writebacks((day, day), 0, None).await.unwrap();
        assert_eq!((page.rows.len(), page.over), (2, false));
        page
    }
}
