//! The asking side: direct reply-to, one map of open questions.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use lapin::message::Delivery;
use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

use crate::bus::Bus;
use crate::counts;
use crate::error::{AskError, PublishError};
use crate::letter::Letter;
use crate::postman::REPLY_TO;
use crate::wire::{self, Manner};

/// Questions that wait for their answers, by correlation id.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    open: Mutex<HashMap<String, oneshot::Sender<Letter>>>,
}

impl Replies {
    fn open(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Letter>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn arrived(&self, mut delivery: Delivery) {
        let answer = wire::letter(&mut delivery, "");
        let asker = answer.correlation_id.as_ref().and_then(|id| self.open().remove(id));
        if asker.is_none_or(|asker| asker.send(answer).is_err()) {
            counts::late_answer();
        }
    }

    /// The channel the answers would have come on is gone: everyone still waiting is told now.
    pub(crate) fn abandon(&self) {
        self.open().clear();
    }
}

/// Forgets the question however the asker leaves.
struct Open<'a> {
    replies: &'a Replies,
    id: &'a str,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.replies.open().remove(self.id);
    }
}

impl Bus {
    /// Asks `routing_key` and waits for the answer, at most `patience`. The question gets a correlation id of its own and
    /// expires with the asker's patience; an answer that comes later is dropped.
    ///
    /// # Errors
    /// [`AskError::NobodyListens`] at once if no queue takes the question, [`AskError::Unavailable`] if the broker is away
    /// or goes away, [`AskError::Timeout`] otherwise. Only after `NobodyListens` is it certain that nobody saw it.
    pub async fn ask(
        &self,
        routing_key: &str,
        mut letter: Letter,
        patience: Duration,
    ) -> Result<Letter, AskError> {
        let id = Uuid::new_v4().to_string();
        letter.correlation_id = Some(id.clone());
        letter.deadline = Some(Timestamp::now() + patience);
        let (asker, mut answer) = oneshot::channel();
        let replies = self.replies();
        replies.open().insert(id.clone(), asker);
        let _open = Open { replies, id: &id };

        let lost = |_| AskError::Unavailable("the connection was lost".into());
        let manner = Manner {
            transient: true,
            reply_to: Some(REPLY_TO),
            // Zero would be dropped before anyone could see it; a millisecond too long harms nobody.
            expiration_ms: Some(patience.as_millis().max(1)),
        };
        let asking = async {
            tokio::select! {
                // The answer may overtake the broker's confirm of the question.
                biased;
                answer = &mut answer => return answer.map_err(lost),
                sent = self.question(routing_key, letter, manner) => match sent {
                    Ok(()) => {}
                    Err(PublishError::Unroutable) => return Err(AskError::NobodyListens),
                    Err(error) => return Err(AskError::Unavailable(error.to_string())),
                },
            }
            answer.await.map_err(lost)
        };
        let outcome = timeout(patience, asking).await.unwrap_or(Err(AskError::Timeout));
        let name = match &outcome {
            Ok(_) => "answered",
            Err(AskError::Timeout) => "timeout",
            Err(AskError::NobodyListens) => "nobody_listens",
            Err(AskError::Unavailable(_)) => "unavailable",
        };
        counts::asked(routing_key, name);
        outcome
    }
}
