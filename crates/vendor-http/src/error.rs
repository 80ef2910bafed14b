use crate::BudgetSpent;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A client that cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The base URL of a vendor cannot be read.
    #[error("the base URL of {vendor} is not an http or https URL")]
    BaseUrl {
        /// Whose.
        vendor: &'static str,
    },
    /// The HTTP client itself.
    #[error("the HTTP client could not be built")]
    Client(#[source] Source),
}

/// A call that brought no answer. The causes carry no URL, no header and no body.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Our own budget did not let it go.
    #[error(transparent)]
    Budget(#[from] BudgetSpent),
    /// It never left: no connection, its time to leave was over, or a request that cannot be built.
    #[error("the request did not leave")]
    NotSent(#[source] Source),
    /// It left, or may have, and no whole answer came in time.
    #[error("no whole answer came")]
    Lost(#[source] Source),
    /// The answer is larger than this vendor's answers may be.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

impl CallError {
    /// Whether the vendor may have acted on it. A write for which this is true may not be sent again unseen.
    #[must_use]
    pub const fn maybe_taken(&self) -> bool {
        match self {
            Self::Budget(_) | Self::NotSent(_) => false,
            Self::Lost(_) | Self::TooLarge(_) => true,
        }
    }

    pub(crate) const fn outcome(&self) -> &'static str {
        match self {
            Self::Budget(_) | Self::NotSent(_) => "not_sent",
            Self::Lost(_) | Self::TooLarge(_) => "lost",
        }
    }
}
