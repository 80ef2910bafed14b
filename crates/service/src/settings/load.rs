use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use config::{Config, ConfigError, Environment, File, FileFormat, Map, Source, Value, ValueKind};
use serde::de::{DeserializeOwned, Deserializer, Error, Visitor, value};
use serde::forward_to_deserialize_any;

use super::names::{ALIASES, SECTIONS, SERVICES, own_section};
use super::{Settings, SettingsError};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The section's own default.
    Default,
    /// The file of `--config`.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// What settings are read from. Tests give a map; only [`Sources::of_process`] looks at the real environment.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The TOML file, if there is one.
    pub file: Option<PathBuf>,
    /// The environment.
    pub variables: BTreeMap<String, String>,
}

impl Sources {
    /// This process's environment, and the file given on its command line.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>) -> Self {
        let text = |text: std::ffi::OsString| text.into_string().ok();
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        Self { file, variables: variables.collect() }
    }
}

/// Settings in force, and where each value came from.
#[derive(Debug)]
pub struct Loaded<S> {
    /// The settings.
    pub settings: S,
    origins: BTreeMap<String, Origin>,
}

impl<S> Loaded<S> {
    /// Where the value at `path` came from.
    #[must_use]
    pub fn origin(&self, path: &str) -> Origin {
        self.origins.get(path).cloned().unwrap_or(Origin::Default)
    }
}

/// Every value that is set, by path; the later source has replaced the earlier.
type Leaves = BTreeMap<String, (Value, Origin)>;

/// Reads and checks the settings of `service`.
///
/// # Errors
/// [`SettingsError`], one clear sentence.
pub fn load<S: Settings>(service: &str, sources: &Sources) -> Result<Loaded<S>, SettingsError> {
    let mine = sections_of::<S>();
    if let Some(stray) = mine.iter().find(|name| !SECTIONS.contains(name) && !SERVICES.contains(name)) {
        return Err(SettingsError::rule(
            *stray,
            "is a section that `service::settings::SECTIONS` does not list",
        ));
    }
    let mut leaves = Leaves::new();
    for layer in [file_layer(sources.file.as_deref())?, alias_layer(sources), variable_layer(sources)?] {
        take(layer, service, mine, &mut leaves)?;
    }
    let origins: BTreeMap<String, Origin> =
        leaves.iter().map(|(path, (_, origin))| (path.clone(), origin.clone())).collect();
    let find = |path: &str| origins.get(path).cloned();
    let refuse = |error| SettingsError::from_config(error, None).with_origin(find);
    let tree = Config::builder().add_source(Tree(nest(leaves)?)).build().map_err(refuse)?;
    let settings: S = tree.try_deserialize().map_err(refuse)?;
    settings.check().map_err(|error| error.with_origin(find))?;
    Ok(Loaded { settings, origins })
}

fn file_layer(path: Option<&Path>) -> Result<Leaves, SettingsError> {
    let Some(path) = path else { return Ok(Leaves::new()) };
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| SettingsError::File { path: shown.clone(), reason: error.to_string() })?;
    let tables = File::from_str(&text, FileFormat::Toml).collect().map_err(|error| {
        // The following lines quote the file.
        let place = error.to_string().lines().next().unwrap_or_default().to_owned();
        SettingsError::Syntax { path: shown, place }
    })?;
    let mut leaves = Leaves::new();
    flatten("", tables, &Origin::File(path.to_owned()), &mut leaves);
    Ok(leaves)
}

fn flatten(above: &str, table: Map<String, Value>, origin: &Origin, leaves: &mut Leaves) {
    for (key, value) in table {
        let path = if above.is_empty() { key } else { format!("{above}.{key}") };
        match value.kind {
            ValueKind::Table(inner) => flatten(&path, inner, origin, leaves),
            _ => drop(leaves.insert(path, (value, origin.clone()))),
        }
    }
}

fn alias_layer(sources: &Sources) -> Leaves {
    let set = |name: &str| sources.variables.get(name).filter(|value| !value.is_empty()).cloned();
    let entries = ALIASES.iter().filter_map(|(name, path)| {
        let origin = Origin::Variable((*name).to_owned());
        Some(((*path).to_owned(), (Value::new(None, set(name)?), origin)))
    });
    entries.collect()
}

fn variable_layer(sources: &Sources) -> Result<Leaves, SettingsError> {
    let variables: Map<String, String> = sources.variables.clone().into_iter().collect();
    let read = Environment::with_prefix("SWITCHBOARD")
        .prefix_separator("__")
        .separator("__")
        .ignore_empty(true)
        .source(Some(variables))
        .collect()
        .map_err(|error| SettingsError::from_config(error, None))?;
    let origin = |path: &str| Origin::Variable(super::names::variable(path));
    Ok(read.into_iter().map(|(path, value)| (path.clone(), (value, origin(&path)))).collect())
}

/// Adds one source: the shared sections first, then what is for `service` alone; other services' sections are dropped.
fn take(layer: Leaves, service: &str, mine: &[&str], into: &mut Leaves) -> Result<(), SettingsError> {
    let own = own_section(service);
    let mut for_me_alone = Leaves::new();
    for (path, leaf) in layer {
        let (section, rest) = path.split_once('.').unwrap_or((&path, ""));
        let overridden =
            rest.split_once('.').map(|(section, _)| section).filter(|name| SECTIONS.contains(name));
        let elsewhere = SECTIONS.contains(&section) || (SERVICES.contains(&section) && section != own);
        match overridden.filter(|_| section == own) {
            Some(name) if mine.contains(&name) => drop(for_me_alone.insert(rest.to_owned(), leaf)),
            None if mine.contains(&section) => drop(into.insert(path, leaf)),
            None if elsewhere => {}
            Some(_) | None => {
                let rule = "is not a setting of any service".to_owned();
                return Err(SettingsError::Rule { path, rule, origin: Some(leaf.1) });
            }
        }
    }
    into.append(&mut for_me_alone);
    Ok(())
}

/// Back from paths to tables. One map serves all levels because a section cannot be a value and a table at once.
fn nest(leaves: Leaves) -> Result<Map<String, Value>, SettingsError> {
    let mut root = Map::new();
    for (path, (value, origin)) in leaves {
        let mut table = &mut root;
        let mut names = path.split('.').peekable();
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                table.insert(name.to_owned(), value);
                break;
            }
            let below =
                table.entry(name.to_owned()).or_insert_with(|| Value::new(None, Map::<String, Value>::new()));
            let ValueKind::Table(next) = &mut below.kind else {
                let rule = format!("is inside `{name}`, which is also set as a plain value");
                return Err(SettingsError::Rule { path, rule, origin: Some(origin) });
            };
            table = next;
        }
    }
    Ok(root)
}

#[derive(Debug, Clone)]
struct Tree(Map<String, Value>);

impl Source for Tree {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

/// The names of `S`'s fields, asked of its own `Deserialize`, so that no list has to be kept beside the struct.
fn sections_of<S: DeserializeOwned>() -> &'static [&'static str] {
    struct Ask<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Ask<'_> {
        type Error = value::Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, value::Error> {
            Err(value::Error::custom("not a struct"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, value::Error> {
            *self.0 = fields;
            Err(value::Error::custom("only asked"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut fields: &'static [&'static str] = &[];
    drop(S::deserialize(Ask(&mut fields)));
    fields
}
