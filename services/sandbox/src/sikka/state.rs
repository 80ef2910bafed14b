//! Everything the simulator remembers, and the way of one call through it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rand::RngExt;

use super::auth::{self, Key, Keys};
use super::call::{Answer, Call, Loss, Reply, ReplyBody};
use super::envelope::Looks;
use super::errors::Problem;
use super::faults::{FailNext, Faults, Lost, count_off};
use super::ledger::{self, Ledger};
use super::office::Office;
use super::rate::{Rate, Standing};
use super::route::{self, Action, Door, Route};
use super::seed::Seed;
use super::webhooks::{Kind, Webhooks, change_notice};
use super::{account, lists, writes};

/// The application every office has admitted.
pub const APP_ID: &str = "sandbox-app";
/// Its key.
pub const APP_KEY: &str = "sandbox-app-key";

/// The whole simulator, behind one lock.
#[derive(Debug)]
pub struct State {
    /// Offices by id.
    pub offices: BTreeMap<String, Office>,
    /// Keys handed out.
    pub keys: Keys,
    /// Dials.
    pub faults: Faults,
    /// Windows and quotas.
    pub rate: Rate,
    /// Who called what.
    pub ledger: Ledger,
    /// What is told without being asked.
    pub webhooks: Webhooks,
    /// What the offices were grown from.
    pub seed: Seed,
    next_writeback: u64,
}

/// A caller who was let in.
pub(super) struct Caller {
    /// Office of the request key; `None` for the application itself.
    pub(super) office_id: Option<String>,
    /// The request key and its record.
    pub(super) key: Option<(String, Key)>,
}

impl State {
    /// Grows the seed's offices as of `now`.
    pub fn new(seed: Seed, now: Timestamp) -> Self {
        Self {
            offices: seed.grow(now),
            seed,
            keys: Keys::default(),
            faults: Faults::default(),
            rate: Rate::default(),
            ledger: Ledger::default(),
            webhooks: Webhooks::default(),
            next_writeback: 275_001,
        }
    }

    /// Carries out everything due by `now` in every office.
    pub fn catch_up(&mut self, now: Timestamp) {
        let Self { offices, faults, webhooks, .. } = self;
        for office in offices.values_mut() {
            office.catch_up(now);
            for at in std::mem::take(&mut office.untold) {
                let body = change_notice(office, "Data_Refresh", at);
                office.told_at = Some(at);
                // A dial counts only what would have been sent.
                if webhooks.is_silent() || count_off(&mut faults.lose_webhooks) {
                    continue;
                }
                let copies = if count_off(&mut faults.double_webhooks) { 2 } else { 1 };
                webhooks.send(Kind::Change, &office.id, "Data_Refresh", &body, copies);
            }
        }
    }

    /// The number of the next writeback; numbers rise over all offices.
    pub fn next_writeback_id(&mut self) -> u64 {
        self.next_writeback += 1;
        self.next_writeback - 1
    }

    /// The `scope` of a key: every API of the plan, comma-separated.
    pub fn scope(&self) -> String {
        let kept = |name: &&&str| !self.faults.scopes_removed.iter().any(|removed| removed == **name);
        route::SCOPES.iter().filter(kept).copied().collect::<Vec<_>>().join(",")
    }

    /// Lets the application in.
    ///
    /// # Errors
    /// 401 API2003 when the id and key are not the application's.
    pub fn check_app(&self, app_id: &str, app_key: &str) -> Result<(), Problem> {
        if app_id == APP_ID && app_key == APP_KEY {
            return Ok(());
        }
        Err(Problem::bad_credentials("application id or key is incorrect"))
    }

    /// Takes one call from its arrival to its answer, faults included.
    pub fn answer(&mut self, call: &Call, now: Timestamp) -> Answer {
        self.catch_up(now);
        let path = format!("/v4/{}", call.segments.join("/"));
        let route = route::find(&call.method, &call.segments);
        let office_id =
            call.request_key.as_deref().and_then(|key| self.keys.find(key)).map(|key| key.office_id.clone());
        let payer = match (&office_id, &call.app_id) {
            (Some(office), _) => office.clone(),
            (None, Some(_)) => ledger::APPLICATION.to_owned(),
            (None, None) => self.key_payer(call),
        };
        let ledger_path = route.as_ref().map_or("(unknown path)", |route| route.pattern);
        self.ledger.record(&payer, &format!("{} {ledger_path}", call.method));

        let failure = self.faults.take_failure(&call.method, &path, &payer);
        let mut reply = match failure {
            Some(FailNext { status: 429, reset_seconds, .. }) => {
                let limit = self.faults.rate_limit_per_minute;
                let mut reply = Problem::window_full();
                push_rate(
                    &mut reply,
                    Some(Standing { limit, remaining: 0, reset: reset_seconds, over: true }),
                );
                reply
            }
            Some(fail) => Problem::by_status(fail.status).reply(),
            None => self.serve(call, route, &payer, now).unwrap_or_else(|problem| problem.reply()),
        };
        if reply.status == 429 {
            self.ledger.refused(&payer);
        }
        let mut loss = None;
        if reply.took_a_write {
            match self.faults.take_loss(&path, &payer) {
                Some(Lost::Drop) => loss = Some(Loss::Drop),
                Some(Lost::Hang) => loss = Some(Loss::Hang),
                Some(Lost::GatewayTimeout) => {
                    reply =
                        Problem::upstream_timeout("the answer was lost after the write was taken").reply();
                }
                None => {}
            }
        } else if reply.status == 200 && count_off(&mut self.faults.truncate_next) {
            loss = Some(Loss::Truncate);
        }
        let jitter =
            if self.faults.jitter_ms == 0 { 0 } else { rand::rng().random_range(0..=self.faults.jitter_ms) };
        Answer {
            reply,
            delay: Duration::from_millis(self.faults.latency_ms.saturating_add(jitter)),
            loss,
            html: self.faults.html_content_type,
            looks: Looks {
                array_wrapped: self.faults.array_wrapped,
                composite_practice_ids: self.faults.composite_practice_ids && call.app_id.is_none(),
            },
        }
    }

    /// `POST request_key` carries its office in the body.
    fn key_payer(&self, call: &Call) -> String {
        let body = call.json().ok();
        let office = body.as_ref().and_then(|body| {
            let named = body.text("office_id").filter(|office| self.offices.contains_key(office));
            named.or_else(|| self.keys.refresh_office(&body.text("refresh_key")?).map(str::to_owned))
        });
        office.unwrap_or_else(|| ledger::UNKNOWN.to_owned())
    }

    fn serve(
        &mut self,
        call: &Call,
        route: Option<Route<'_>>,
        payer: &str,
        now: Timestamp,
    ) -> Result<Reply, Problem> {
        let route =
            route.ok_or_else(|| Problem::method_not_allowed("the method is not allowed for this path"))?;
        let caller = self.admit(call, &route, now)?;
        let standing = self.charge(call, payer, now)?;
        if standing.is_some_and(|standing| standing.over) {
            let mut reply = Problem::window_full();
            push_rate(&mut reply, standing);
            return Ok(reply);
        }
        let mut reply = self
            .allow(&route, &caller)
            .and_then(|()| self.act(call, &route, &caller, now))
            .unwrap_or_else(|problem| problem.reply());
        push_rate(&mut reply, standing);
        if let Some((_, key)) = &caller.key {
            reply.headers.push(("Request-Key-Expires", http_date(key.end, now)));
        }
        if let Some(office) = caller.office_id.as_ref().and_then(|id| self.offices.get(id))
            && route.tells_data_insert
        {
            let until = SignedDuration::from_secs(self.faults.data_insert_seconds);
            let fresh = now.duration_since(office.cloud.copied_at) < until;
            let word = if office.data_insert_in_progress || fresh { "in progress" } else { "completed" };
            reply.headers.push(("Data-Insert", word.to_owned()));
        }
        Ok(reply)
    }

    fn admit(&mut self, call: &Call, route: &Route<'_>, now: Timestamp) -> Result<Caller, Problem> {
        if matches!(route.door, Door::Open) {
            return Ok(Caller { office_id: None, key: None });
        }
        if matches!(route.door, Door::App) || (matches!(route.door, Door::Either) && call.app_id.is_some()) {
            let id = call.app_id.as_deref().ok_or_else(|| Problem::app_id_missing("App-Id is required"))?;
            let key =
                call.app_key.as_deref().ok_or_else(|| Problem::app_key_missing("App-Key is required"))?;
            self.check_app(id, key)?;
            return Ok(Caller { office_id: None, key: None });
        }
        let text =
            call.request_key.as_deref().ok_or_else(|| Problem::key_invalid("Request-Key is required"))?;
        let key = self.keys.find(text).ok_or_else(|| Problem::key_invalid("Request-Key is not valid"))?;
        if self.faults.key_calls > 0 && key.calls >= self.faults.key_calls {
            key.end = now;
        }
        if key.end <= now {
            return Err(Problem::key_expired("Request-Key has expired"));
        }
        key.calls += 1;
        Ok(Caller { office_id: Some(key.office_id.clone()), key: Some((text.to_owned(), key.clone())) })
    }

    /// Counts the call against its window and its day.
    fn charge(&mut self, call: &Call, payer: &str, now: Timestamp) -> Result<Option<Standing>, Problem> {
        if self.faults.daily_quota > 0
            && let Some(office) = self.offices.get(payer)
            && self.rate.day_is_over(payer, office.local(now).date(), self.faults.daily_quota)
        {
            return Err(Problem::day_quota("the requests of this practice for today are used up"));
        }
        if self.faults.rate_limit_per_minute == 0 {
            return Ok(None);
        }
        let who = call.request_key.as_deref().or(call.app_id.as_deref()).unwrap_or(payer);
        Ok(Some(self.rate.take(who, self.faults.rate_limit_per_minute, Instant::now())))
    }

    /// Plan, location and first load, in that order.
    fn allow(&self, route: &Route<'_>, caller: &Caller) -> Result<(), Problem> {
        if self.faults.scopes_removed.iter().any(|removed| removed == route.scope) {
            return Err(Problem::out_of_scope("the application is not allowed to use this API"));
        }
        let Some(office) = caller.office_id.as_ref().and_then(|id| self.offices.get(id)) else {
            return Ok(());
        };
        if !office.access_on {
            return Err(Problem::practice_off("the application is not allowed for this practice"));
        }
        if !office.loaded && !matches!(route.action, Action::RequestKeyInfo) {
            return Err(Problem::not_uploaded("data not uploaded for this customer yet"));
        }
        Ok(())
    }

    fn act(
        &mut self,
        call: &Call,
        route: &Route<'_>,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Reply, Problem> {
        match route.action {
            Action::RequestKey => return auth::request_key(self, call, now),
            Action::List(list) if matches!(route.door, Door::App | Door::Either) => {
                return self.finish(account::list(self, list, call, caller, now));
            }
            Action::SetLocation => return account::set_location(self, call),
            Action::DeleteWriteback => return writes::withdraw(self, call),
            _ => {}
        }
        let unknown = || Problem::key_invalid("Request-Key belongs to no office");
        let (text, key) = caller.key.as_ref().ok_or_else(unknown)?;
        if matches!(route.action, Action::RequestKeyInfo) {
            return Ok(auth::request_key_info(self, call, (text, key), now));
        }
        if let Action::Write(write) = &route.action {
            return writes::submit(self, write, call, (&key.office_id, text), now);
        }
        let office = self.offices.get(&key.office_id).ok_or_else(unknown)?;
        let Action::List(list) = route.action else { return Err(Problem::internal("no such action")) };
        self.finish(lists::list(office, list, call, &self.faults, now))
    }

    /// An empty list is 204, unless the dial makes it an empty envelope.
    fn finish(&self, page: Result<super::envelope::Page, Problem>) -> Result<Reply, Problem> {
        let page = page?;
        if page.is_empty() && self.faults.empty_as_200 {
            return Ok(Reply {
                status: 200,
                headers: Vec::new(),
                body: ReplyBody::Page(page),
                took_a_write: false,
            });
        }
        Ok(Reply::page(page))
    }
}

fn push_rate(reply: &mut Reply, standing: Option<Standing>) {
    let Some(standing) = standing else { return };
    reply.headers.push(("X-Rate-Limit-Limit", standing.limit.to_string()));
    reply.headers.push(("X-Rate-Limit-Remaining", standing.remaining.to_string()));
    reply.headers.push(("X-Rate-Limit-Reset", standing.reset.to_string()));
}

/// The end of a key as an HTTP date on the machine's clock, which is the clock its reader has.
fn http_date(end: Timestamp, now: Timestamp) -> String {
    let wall = Timestamp::now().saturating_add(end.duration_since(now)).unwrap_or(end);
    wall.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
