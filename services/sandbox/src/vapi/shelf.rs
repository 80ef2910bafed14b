use std::path::PathBuf;

use serde::Serialize;

use super::script::{Script, ScriptError};

/// The scripts a player knows: those compiled in, and the `*.toml` files of a directory, which win.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    directory: Option<PathBuf>,
}

const SHIPPED: &[(&str, &str)] = &[
    ("all-messages", include_str!("../../calls/all-messages.toml")),
    ("asks-availability", include_str!("../../calls/asks-availability.toml")),
    ("bad-arguments", include_str!("../../calls/bad-arguments.toml")),
    ("french-pays", include_str!("../../calls/french-pays.toml")),
    ("maria-books", include_str!("../../calls/maria-books.toml")),
    ("maria-moves-and-cancels", include_str!("../../calls/maria-moves-and-cancels.toml")),
    ("new-patient-books", include_str!("../../calls/new-patient-books.toml")),
    ("nobody-found", include_str!("../../calls/nobody-found.toml")),
    ("spanish-books", include_str!("../../calls/spanish-books.toml")),
];

/// A script in a list.
#[derive(Debug, Clone, Serialize)]
pub struct ScriptSummary {
    /// Its name.
    pub name: String,
    /// What happens, in a sentence; why it cannot be read, where that is so.
    pub about: String,
    /// Number of steps.
    pub steps: usize,
    /// Whether it can be played.
    pub readable: bool,
}

impl Shelf {
    /// A shelf with a directory of its own scripts, read anew each time.
    #[must_use]
    pub fn new(directory: Option<PathBuf>) -> Self {
        Self { directory }
    }

    /// Every name, alphabetically.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect();
        let files = self.directory.as_ref().and_then(|directory| std::fs::read_dir(directory).ok());
        for file in files.into_iter().flatten().flatten() {
            let path = file.path();
            if path.extension().is_some_and(|extension| extension == "toml")
                && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
            {
                names.push(stem.to_owned());
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// The text of a script, or `None` when no script has the name.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        // Only names from the list are opened: a name is never a path.
        if !self.names().iter().any(|known| known == name) {
            return None;
        }
        let own = self.directory.as_ref().map(|directory| directory.join(format!("{name}.toml")));
        own.and_then(|path| std::fs::read_to_string(path).ok()).or_else(|| {
            SHIPPED.iter().find(|(shipped, _)| *shipped == name).map(|(_, text)| (*text).to_owned())
        })
    }

    /// A script by name, or `None` when there is none of that name.
    ///
    /// # Errors
    /// [`ScriptError`] when it is there and cannot be read.
    pub fn script(&self, name: &str) -> Result<Option<Script>, ScriptError> {
        self.text(name).map(|text| Script::from_toml(name, &text)).transpose()
    }

    /// Every script with what it is about.
    #[must_use]
    pub fn list(&self) -> Vec<ScriptSummary> {
        let summary = |name: String| match self.script(&name) {
            Ok(script) => ScriptSummary {
                about: script.as_ref().map(|script| script.about.clone()).unwrap_or_default(),
                steps: script.as_ref().map_or(0, |script| script.steps.len()),
                readable: script.is_some(),
                name,
            },
            Err(error) => ScriptSummary { name, about: error.reason, steps: 0, readable: false },
        };
        self.names().into_iter().map(summary).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_script_can_be_read_and_says_what_it_is_about() {
        for script in Shelf::default().list() {
            assert!(script.readable, "{}: {}", script.name, script.about);
            assert!(!script.about.is_empty() && script.steps > 0, "{}", script.name);
        }
    }

    #[test]
    fn a_file_in_the_directory_is_a_new_script_and_wins_over_a_shipped_one() {
        let directory = std::env::temp_dir().join(format!("calls-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&directory).unwrap();
        let text = "about = \"mine\"\ncaller = \"+15550100010\"\n[[steps]]\nsay = \"Hi\"\n";
        for name in ["maria-books", "mine"] {
            std::fs::write(directory.join(format!("{name}.toml")), text).unwrap();
        }
        let shelf = Shelf::new(Some(directory.clone()));
        assert_eq!(shelf.script("mine").unwrap().unwrap().about, "mine");
        assert_eq!(shelf.script("maria-books").unwrap().unwrap().about, "mine");
        assert!(shelf.script("../mine").unwrap().is_none());
        assert!(shelf.script("spanish-books").unwrap().is_some());
        std::fs::remove_dir_all(directory).unwrap();
    }
}
