#![doc = include_str!("../README.md")]

mod account;
mod day_book;
mod patient;
mod patient_book;
mod shown;
mod times;

/// The generated shapes of `proto/switchboard/v1`.
#[expect(missing_docs, reason = "generated from proto/, which carries the documentation")]
#[expect(clippy::all, reason = "generated from proto/")]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/switchboard.v1.rs"));
}

pub use times::{from_proto_time, proto_time};

use prost::Message;

/// A message that does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The bytes are not this protobuf message.
    #[error("not a {0} message")]
    Bytes(&'static str),
    /// A field is missing or has a value that it cannot have.
    #[error("field {0} is missing or has a value it cannot have")]
    Field(&'static str),
}

/// A message with a name of its own: the AMQP `type`.
pub trait Named: Message + Default {
    /// The name, with its version.
    const NAME: &'static str;

    /// The bytes that travel.
    fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// Reads the bytes that travelled.
    ///
    /// # Errors
    /// [`Unreadable::Bytes`].
    fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        Self::decode(bytes).map_err(|_| Unreadable::Bytes(Self::NAME))
    }
}

macro_rules! named {
    ($($message:ident = $name:literal),* $(,)?) => {
        $(impl Named for v1::$message { const NAME: &'static str = $name; })*

        /// The name of every message there is: each has its bytes stored as a fixture.
        pub const NAMES: &[&str] = &[$($name),*];
    };
}

named! {
    WebhookReceived = "webhook.received.v1",
    ToolQuestion = "tool.question.v1",
    ToolReply = "tool.reply.v1",
    PmsQuestion = "pms.question.v1",
    PmsReply = "pms.reply.v1",
    WritebackRequested = "writeback.requested.v1",
    WritebackChanged = "writeback.changed.v1",
    CallEnded = "call.ended.v1",
    TokenRefreshed = "token.refreshed.v1",
    AlertRaised = "alert.raised.v1",
    AlertResolved = "alert.resolved.v1",
    SetupQuestion = "setup.question.v1",
    SetupReply = "setup.reply.v1",
    ConnectionChanged = "connection.changed.v1",
}
