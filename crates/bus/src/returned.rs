//! Which letter the broker sent back.
//!
//! The broker returns an unroutable letter just before it confirms it. The client library attaches a returned letter to
//! the *next* confirm it meets, which under load is somebody else's, and a confirm of many is taken apart in no order. So
//! every return is matched here by what it carries, and nobody is told of success before all returns that could be his
//! have been looked at.

use lapin::message::BasicReturnMessage;
use uuid::Uuid;

use crate::topology::Exchange;

/// What a letter on its way can be recognised by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) exchange: Exchange,
    pub(crate) routing_key: String,
    pub(crate) message_id: Uuid,
}

#[derive(Debug, PartialEq, Eq)]
struct Return {
    exchange: String,
    routing_key: String,
    message_id: Option<Uuid>,
}

/// Returns that nobody has claimed yet. Empty nearly always.
#[derive(Debug, Default)]
pub(crate) struct Returned(Vec<Return>);

impl Returned {
    pub(crate) fn note(&mut self, message: &BasicReturnMessage) {
        self.0.push(Return {
            exchange: message.exchange.as_str().to_owned(),
            routing_key: message.routing_key.as_str().to_owned(),
            message_id: message
                .properties
                .message_id()
                .as_ref()
                .and_then(|id| Uuid::parse_str(id.as_str()).ok()),
        });
    }

    /// Whether the letter with this label came back. Each return is claimed once.
    pub(crate) fn claim(&mut self, label: &Label) -> bool {
        let mine = self.0.iter().position(|returned| {
            returned.message_id == Some(label.message_id)
                && returned.exchange == label.exchange.name()
                && returned.routing_key == label.routing_key
        });
        if let Some(mine) = mine {
            self.0.swap_remove(mine);
        }
        mine.is_some()
    }
}
