use serde_json::Value;

use super::{Loaded, Origin, Settings};

/// One setting in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// As in `database.pool_size`.
    pub path: String,
    /// The value, `[secret]` for a secret, empty for one that is not set.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// Every setting in force, by path, with secrets hidden.
#[must_use]
pub fn describe<S: Settings>(loaded: &Loaded<S>) -> Vec<Described> {
    let mut found = Vec::new();
    // A struct of plain sections always serialises; were it not to, an empty list gives nothing away.
    let tree = serde_json::to_value(&loaded.settings).unwrap_or_default();
    walk(String::new(), &tree, &mut |path, value| {
        let origin = loaded.origin(&path);
        found.push(Described { path, value, origin });
    });
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn walk(path: String, value: &Value, found: &mut impl FnMut(String, String)) {
    match value {
        Value::Object(table) => {
            for (key, inner) in table {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(below, inner, found);
            }
        }
        Value::Null => found(path, String::new()),
        Value::String(text) => found(path, text.clone()),
        other => found(path, other.to_string()),
    }
}
