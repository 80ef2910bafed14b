//! What a process must say to join the bus.

use std::fmt;
use std::time::Duration;

/// Where the broker is and how patient to be with it.
#[derive(Clone)]
pub struct BusConfig {
    /// The broker's address, `amqp://user:password@host:port/vhost`. It carries a password and is never printed.
    pub url: String,
    /// The name of this process, carried by every letter it sends (`app_id`) and shown by the broker.
    pub app_id: String,
    /// How long a publisher waits for the broker's word before it is told
    /// [`Unavailable`](crate::PublishError::Unavailable).
    pub confirm_timeout: Duration,
    /// How long one attempt to reach the broker may take.
    pub connect_timeout: Duration,
    /// How often the broker and we prove to be alive; a dead wire is noticed within twice this. A `heartbeat` in the URL
    /// wins.
    pub heartbeat: Duration,
    /// The longest pause between two attempts to reach the broker. The first pause is 50 ms, each next one is doubled.
    pub reconnect_pause: Duration,
}

impl BusConfig {
    /// The usual patience: 5 s for a confirm, 5 s for a connection, a heartbeat of 10 s, 2 s between attempts.
    #[must_use]
    pub fn new(url: impl Into<String>, app_id: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            app_id: app_id.into(),
            confirm_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            heartbeat: Duration::from_secs(10),
            reconnect_pause: Duration::from_secs(2),
        }
    }
}

impl fmt::Debug for BusConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BusConfig")
            .field("url", &"[hidden]")
            .field("app_id", &self.app_id)
            .field("confirm_timeout", &self.confirm_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("heartbeat", &self.heartbeat)
            .field("reconnect_pause", &self.reconnect_pause)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p8_the_address_of_the_broker_is_never_printed() {
        let config = BusConfig::new("amqp://guest:hunter2@localhost", "test");
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
