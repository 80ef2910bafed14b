//! What can go wrong, by what the caller can do about it.

/// The bus cannot be joined, or the broker refuses a declaration.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The configured address is not an AMQP URL. The text is not repeated: it carries a password.
    #[error("the broker's address is not a valid AMQP URL")]
    Address,
    /// The broker cannot be reached now.
    #[error("the broker cannot be reached: {0}")]
    Unavailable(String),
    /// The broker answered, and refused: wrong credentials, a queue that exists with other properties, no permission.
    #[error("the broker refused {what}: {why}")]
    Refused {
        /// What was asked for: the name of the queue or exchange.
        what: String,
        /// The broker's words.
        why: String,
    },
}

/// Why a letter is not known to be safe with the broker. It may have arrived nevertheless after
/// [`Unavailable`](Self::Unavailable): publish again with the same `message_id` and let the receiver's inbox decide.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No queue takes letters with this routing key. Nothing was kept.
    #[error("no queue takes letters with this routing key")]
    Unroutable,
    /// The broker took the letter and said no: a queue is full, or lost its majority.
    #[error("the broker refused the letter")]
    Refused,
    /// The broker is away, or did not confirm in time.
    #[error("the broker did not confirm: {0}")]
    Unavailable(String),
    /// The letter itself is at fault: a property of more than 255 bytes, or a command without a key.
    #[error("the letter cannot be sent: {0}")]
    Invalid(&'static str),
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Nobody answered in time. The question may have been read and may have had effects.
    #[error("nobody answered in time")]
    Timeout,
    /// No queue takes this question: the service that answers it has never declared itself.
    #[error("nobody listens to this question")]
    NobodyListens,
    /// The broker is away, or went away while the question was open.
    #[error("the broker is not available: {0}")]
    Unavailable(String),
}
