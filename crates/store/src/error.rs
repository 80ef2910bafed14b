use diesel::result::{DatabaseErrorKind, Error as Diesel};
use seal::SealError;

/// Why the database did not do what was asked. No text of it carries a row's content.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, or has no connection free.
    #[error("the database cannot be reached")]
    Unavailable,
    /// A row that must be there is not, or is another tenant's.
    #[error("there is no such row")]
    NotFound,
    /// A rule of the schema refused it.
    #[error("the database refused it by its rule {rule}")]
    Refused {
        /// The constraint's name.
        rule: String,
    },
    /// This process has other keys than the database was sealed with: nothing of it may be touched.
    #[error("ENCRYPTION_KEY does not fit this database: {0}")]
    OtherKeys(String),
    /// A sealed column does not open, or cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A column holds something that no version of this program writes.
    #[error("column {0} holds a value that cannot be read")]
    Unreadable(&'static str),
    /// Anything else; the kind alone, because messages quote values.
    #[error("the database failed: {0}")]
    Failed(String),
}

impl StoreError {
    /// Whether it was the constraint called `rule`.
    #[must_use]
    pub fn is_rule(&self, rule: &str) -> bool {
        matches!(self, Self::Refused { rule: name } if name == rule)
    }
}

impl From<Diesel> for StoreError {
    fn from(error: Diesel) -> Self {
        match error {
            Diesel::NotFound => Self::NotFound,
            Diesel::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
            | Diesel::BrokenTransactionManager => Self::Unavailable,
            Diesel::DatabaseError(kind, info) => match info.constraint_name() {
                Some(rule) => Self::Refused { rule: rule.to_owned() },
                // A server that is going away answers with these words, which quote nothing.
                None if info.message().contains("row-level security policy") => Self::NotFound,
                None if info.message().contains("terminating connection")
                    || info.message().contains("due to statement timeout")
                    || info.message().contains("the database system is")
                    || info.message().contains("connection closed")
                    || info.message().contains("error communicating") =>
                {
                    Self::Unavailable
                }
                None => Self::Failed(format!("{kind:?}")),
            },
            Diesel::DeserializationError(_) => Self::Unreadable("of a row"),
            other => Self::Failed(variant(&other)),
        }
    }
}

/// The name of the variant without its content.
fn variant(error: &Diesel) -> String {
    let text = format!("{error:?}");
    text.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p8_what_the_database_says_is_not_repeated_because_it_quotes_values() {
        for said in
            ["invalid input syntax for type date: \"Quillfeather\"", "value \"Quillfeather\" is out of range"]
        {
            let error = Diesel::DatabaseError(DatabaseErrorKind::Unknown, Box::new(said.to_owned()));
            let error = StoreError::from(error);
            assert!(!format!("{error} {error:?}").contains("Quillfeather"), "{error:?}");
        }
    }
}
