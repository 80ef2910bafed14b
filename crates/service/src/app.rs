use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::web::ServiceConfig;
use tokio_util::sync::CancellationToken;

use crate::background::Background;
use crate::readiness::Readiness;

pub(crate) type Routes = Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>;
pub(crate) type Closer = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// What a service's `build` is given.
#[derive(Debug)]
pub struct Start<S> {
    /// The service's name, as in `pms-api`.
    pub name: &'static str,
    /// Its settings, loaded and checked.
    pub settings: S,
    /// Where its loops run.
    pub background: Background,
}

impl<S> Start<S> {
    /// Cancelled when background work is to stop; also given to each task.
    #[must_use]
    pub fn stop_token(&self) -> CancellationToken {
        self.background.stop_token()
    }
}

/// What a service's `build` gives back: its routes, its checks, and what to close at the end.
pub struct App {
    pub(crate) readiness: Readiness,
    pub(crate) body_limit: usize,
    pub(crate) routes: Routes,
    pub(crate) hot_routes: Routes,
    pub(crate) closers: Vec<Closer>,
}

impl Default for App {
    fn default() -> Self {
        Self {
            readiness: Readiness::new(),
            body_limit: 1 << 20,
            routes: Arc::new(|_| {}),
            hot_routes: Arc::new(|_| {}),
            closers: Vec::new(),
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("readiness", &self.readiness)
            .field("body_limit", &self.body_limit)
            .finish()
    }
}

impl App {
    /// Only `/health`, `/ready` and `/metrics`, and bodies up to 1 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What `/ready` asks.
    #[must_use]
    pub fn readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }

    /// The largest body in bytes; a larger one is answered 413.
    #[must_use]
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// The routes: each request has a span, a log line, metrics and its id on the answer.
    ///
    /// The closure runs once for each worker thread, so what they share (`web::Data`) is made outside it and cloned in.
    #[must_use]
    pub fn routes(mut self, routes: impl Fn(&mut ServiceConfig) + Send + Sync + 'static) -> Self {
        self.routes = Arc::new(routes);
        self
    }

    /// Routes that are too hot for a span, a log line and metrics of the chassis: they keep their own count.
    ///
    /// Errors are the same object, with a request id, on them too. They are looked at before the other routes.
    #[must_use]
    pub fn hot_routes(mut self, routes: impl Fn(&mut ServiceConfig) + Send + Sync + 'static) -> Self {
        self.hot_routes = Arc::new(routes);
        self
    }

    /// Something to close after requests and background tasks have ended, in the order given.
    #[must_use]
    pub fn on_stop<C, F>(mut self, close: C) -> Self
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.closers.push(Box::new(move || Box::pin(close())));
        self
    }
}
