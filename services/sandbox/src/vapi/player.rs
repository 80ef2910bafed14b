use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};
use tokio::task::{JoinHandle, JoinSet};

use super::auth::Auth;
use super::calendar::Calendar;
use super::call_object::CallObject;
use super::conversation::Conversation;
use super::deliver::Gateway;
use super::load::Load;
use super::notices::Notices;
use super::options::Options;
use super::play::{Call, static_parameters};
use super::script::{Script, ScriptError};
use super::shelf::Shelf;
use super::template::Scope;
use super::timeline::{Recorder, Timeline};

/// Plays calls and remembers their timelines. Clones share everything.
#[derive(Debug, Clone)]
pub struct Player {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: PlayerSettings,
    shelf: Shelf,
    client: reqwest::Client,
    calls: Mutex<VecDeque<(String, Recorder)>>,
    loads: Mutex<BTreeMap<String, Load>>,
}

/// What holds for every call unless the request says otherwise.
#[derive(Debug, Clone, Default)]
pub struct PlayerSettings {
    /// A directory of further scripts.
    pub calls_dir: Option<PathBuf>,
    /// Where the gateway is, such as `http://127.0.0.1:8080`.
    pub gateway_url: Option<String>,
    /// How calls are authenticated.
    pub auth: Auth,
    /// Laid under each script's options.
    pub options: Map<String, Value>,
    /// Laid under each script's variables; `accountId` is the one that matters.
    pub variables: Map<String, Value>,
}

/// A call to play.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRequest {
    /// Which script.
    pub script: ScriptSource,
    /// Where the gateway is; unset: the player's own.
    #[serde(default)]
    pub gateway_url: Option<String>,
    /// The credential; unset: the player's own.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// Laid over the script's options.
    #[serde(default)]
    pub options: Map<String, Value>,
    /// Laid over the script's variables.
    #[serde(default)]
    pub variables: Map<String, Value>,
}

/// A script by name, whole, or as the text of a file.
#[derive(Debug, Clone)]
pub enum ScriptSource {
    /// One on the shelf: a JSON string.
    Named(String),
    /// A whole script: a JSON object.
    Whole(Box<Script>),
    /// The text of a script file: `{"toml": "…"}`.
    Toml(String),
}

impl<'de> Deserialize<'de> for ScriptSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(name) => Ok(Self::Named(name)),
            Value::Object(object) => match object.get("toml") {
                Some(Value::String(text)) if object.len() == 1 => Ok(Self::Toml(text.clone())),
                _ => serde_json::from_value(Value::Object(object))
                    .map(|script| Self::Whole(Box::new(script)))
                    .map_err(D::Error::custom),
            },
            _ => Err(D::Error::custom("script is a name, a whole script, or {\"toml\": \"text of a file\"}")),
        }
    }
}

/// Why a call cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// No script has the name.
    #[error("no script is called {name}; known are {known}")]
    UnknownScript {
        /// The name asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// The script is there and cannot be read.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The request itself is not one.
    #[error("the request cannot be read: {0}")]
    Request(String),
    /// The options, laid over each other, make no sense.
    #[error("the options do not fit: {0}")]
    Options(String),
    /// The caller, the number called or a variable names something unknown.
    #[error("the script's head cannot be filled in: {0}")]
    Head(String),
    /// Neither the request nor the player says where the gateway is.
    #[error("where the gateway is has not been said (gateway_url)")]
    NoGateway,
    /// No HTTP client could be made.
    #[error("no HTTP client could be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// So many timelines are remembered.
const REMEMBERED: usize = 1000;

impl Player {
    /// A player with nothing played yet.
    ///
    /// # Errors
    /// [`PlayError::Client`] when the machine gives no HTTP client.
    pub fn new(settings: PlayerSettings) -> Result<Self, PlayError> {
        // The client panics when it is built without a crypto provider; installing a second one changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
        let shelf = Shelf::new(settings.calls_dir.clone());
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                shelf,
                client,
                calls: Mutex::default(),
                loads: Mutex::default(),
            }),
        })
    }

    /// The scripts it knows.
    #[must_use]
    pub fn shelf(&self) -> &Shelf {
        &self.inner.shelf
    }

    /// Plays a call to its end, report included.
    ///
    /// # Errors
    /// [`PlayError`] when it cannot even begin. What goes wrong during the call is in the timeline.
    pub async fn play(&self, request: CallRequest) -> Result<Timeline, PlayError> {
        let (recorder, playing) = self.begin(request)?;
        // A call that broke off leaves a timeline that is not finished, which says so.
        let _ = playing.await;
        Ok(recorder.snapshot())
    }

    /// Begins a call and answers its id at once; [`Player::timeline`] tells how it goes.
    ///
    /// # Errors
    /// [`PlayError`] when it cannot begin.
    pub fn start(&self, request: CallRequest) -> Result<String, PlayError> {
        let (recorder, _) = self.begin(request)?;
        let id = recorder.lock().id.clone();
        Ok(id)
    }

    /// A call's timeline as it stands, or `None` when it is not remembered.
    #[must_use]
    pub fn timeline(&self, id: &str) -> Option<Timeline> {
        let recorder =
            self.calls().iter().find(|(known, _)| known == id).map(|(_, recorder)| recorder.clone());
        recorder.map(|recorder| recorder.snapshot())
    }

    /// The newest timelines, newest first.
    #[must_use]
    pub fn newest(&self, limit: usize) -> Vec<Timeline> {
        let recorders: Vec<Recorder> =
            self.calls().iter().rev().take(limit).map(|(_, recorder)| recorder.clone()).collect();
        recorders.iter().map(Recorder::snapshot).collect()
    }

    fn calls(&self) -> MutexGuard<'_, VecDeque<(String, Recorder)>> {
        self.inner.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn loads(&self) -> MutexGuard<'_, BTreeMap<String, Load>> {
        self.inner.loads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, request: CallRequest) -> Result<(Recorder, JoinHandle<()>), PlayError> {
        let call = self.prepare(request)?;
        let recorder = call.recorder.clone();
        let mut calls = self.calls();
        calls.push_back((call.object.id.clone(), recorder.clone()));
        if calls.len() > REMEMBERED {
            calls.pop_front();
        }
        drop(calls);
        Ok((recorder, tokio::spawn(call.play())))
    }

    fn script(&self, source: ScriptSource) -> Result<Script, PlayError> {
        match source {
            ScriptSource::Named(name) => {
                let known = || self.inner.shelf.names().join(", ");
                let found = self.inner.shelf.script(&name)?;
                found.ok_or_else(|| PlayError::UnknownScript { known: known(), name })
            }
            ScriptSource::Whole(script) => Ok(*script),
            ScriptSource::Toml(text) => Ok(Script::from_toml("inline", &text)?),
        }
    }

    pub(super) fn prepare(&self, request: CallRequest) -> Result<Call, PlayError> {
        let settings = &self.inner.settings;
        let script = self.script(request.script)?;
        let options = laid_over([&settings.options, &script.options, &request.options])?;
        let base =
            request.gateway_url.or_else(|| settings.gateway_url.clone()).ok_or(PlayError::NoGateway)?;
        let auth = request.auth.unwrap_or_else(|| settings.auth.clone());

        let zone = TimeZone::get(&options.zone).map_err(|error| PlayError::Options(error.to_string()))?;
        let calendar = Calendar::new(options.now.unwrap_or_else(Timestamp::now), &zone);
        let mut scope = Scope::new(calendar, &script.language, options.seed.unwrap_or_else(rand::random));
        let head = |missing: super::template::Unresolved| PlayError::Head(missing.to_string());
        let mut variables = Map::new();
        for layer in [&settings.variables, &script.variables, &request.variables] {
            lay(&mut variables, layer);
        }
        for (name, value) in &variables {
            let value = scope.fill(value).map_err(head)?;
            scope.set(name, value);
        }
        let number = |name: &str, written: &str| match scope.find(name) {
            Some(Value::String(number)) => Ok(number),
            _ => scope.fill_text(written).map_err(head),
        };
        let (caller, called) = (number("caller", &script.caller)?, number("called", &script.called)?);

        let mut object = CallObject::new(caller.clone(), called.clone(), script.phone_number_id.clone());
        object.language.clone_from(&script.language);
        object.account_id = scope.find("accountId").and_then(|value| value.as_str().map(ToOwned::to_owned));
        for (name, value) in [("caller", &caller), ("called", &called), ("callId", &object.id)] {
            scope.set(name, Value::String(value.clone()));
        }
        let fixed = static_parameters(&object, &options, &scope).map_err(head)?;
        let (options, script) = (Arc::new(options), Arc::new(script));
        let client = self.inner.client.clone();
        let gateway = Arc::new(Gateway::new(client, &base, auth, Arc::clone(&options)));
        let recorder = Recorder::new(blank(&script, &object));
        let notices = Notices {
            gateway: Arc::clone(&gateway),
            recorder: recorder.clone(),
            order: options.delivery.order,
            expect_status: options.expect_status,
            held: Vec::new(),
            under_way: JoinSet::new(),
        };
        Ok(Call {
            script,
            options,
            scope,
            object,
            conversation: Conversation::new(),
            gateway,
            recorder,
            notices,
            fixed,
            turn: 0,
            tool_turn: 0,
            ended: false,
        })
    }
}

fn blank(script: &Script, object: &CallObject) -> Timeline {
    Timeline {
        id: object.id.clone(),
        script: script.name.clone(),
        about: script.about.clone(),
        caller: object.caller.clone(),
        called: object.called.clone(),
        account_id: object.account_id.clone(),
        started_at: object.created_at,
        finished: false,
        completed: false,
        ok: false,
        ended_reason: None,
        took_ms: 0.0,
        requests: 0,
        answers: BTreeMap::new(),
        violations: Vec::new(),
        warnings: Vec::new(),
        entries: Vec::new(),
    }
}

/// Options laid over each other; a later one wins, key by key, tables into tables.
fn laid_over(layers: [&Map<String, Value>; 3]) -> Result<Options, PlayError> {
    let mut merged = Map::new();
    for layer in layers {
        lay(&mut merged, layer);
    }
    serde_json::from_value(Value::Object(merged)).map_err(|error| PlayError::Options(error.to_string()))
}

fn lay(under: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (key, value) in over {
        match (under.get_mut(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => lay(old, new),
            _ => {
                under.insert(key.clone(), value.clone());
            }
        }
    }
}
