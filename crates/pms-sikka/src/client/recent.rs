use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use moka::future::Cache;
use pms::PmsError;

use super::Calls;
use crate::wire;

/// How old a page may be. An office looks every few seconds at most, so this costs no answer more than a moment.
const FRESH: Duration = Duration::from_secs(1);
/// Pages kept at once, of all ranges of days.
const MOST: u64 = 64;

/// Pages of the application's list of writes, which is one for all its offices: a hundred offices that wait for an
/// outcome ask for it together once, and not each for itself.
#[derive(Clone)]
pub(crate) struct Recent(Cache<(Date, Date, usize), Arc<RecentPage>>);

/// One page.
pub(crate) struct RecentPage {
    pub(crate) rows: Vec<wire::Writeback>,
    /// Rows of this page and of those before it.
    rows_so_far: usize,
    /// Whether it is the last one.
    pub(crate) over: bool,
}

impl Default for Recent {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST).time_to_live(FRESH).build())
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").finish_non_exhaustive()
    }
}

impl Calls {
    /// The page after `before` of the application's writes of these days, at most a second old.
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
            Ok::<_, PmsError>(Arc::new(RecentPage { rows, rows_so_far, over: pages.over }))
        };
        let key = (days.0, days.1, number);
        self.sikka.recent.0.try_get_with(key, reading).await.map_err(|error| shared(&error))
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
