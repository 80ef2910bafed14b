//! Which locations of an office the vendor serves (contract 4.6).

use pms::{ErrorKind, PmsError};
use serde::{Deserialize, Serialize};
use vendor_http::Request;

use super::{Calls, Door, Sikka, post, read};
use crate::error::{self, Call};
use crate::wire;

/// `practice_location`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Location {
    office_id: wire::Text,
    practice_id: wire::Text,
    access: wire::Text,
}

/// What `POST practice_location` takes.
#[derive(Serialize)]
struct Access<'a> {
    office_id: &'a str,
    practice_id: &'a str,
    access: &'static str,
}

impl Sikka {
    /// Has the vendor serve a location, where it does not do so yet; true: from now on. A location that is on is
    /// billed. Where the plan has no such call, nothing is known and nothing is done.
    ///
    /// # Errors
    /// [`PmsError`].
    pub async fn switch_on(&self, office_id: &str, practice_id: &str) -> Result<bool, PmsError> {
        let calls = self.calls();
        let list = Request::get("practice_location", "/practice_location").query("office_id", office_id);
        let rows: Vec<Location> = match calls.list(Door::App, list).await {
            Err(error) if error.kind == ErrorKind::Unsupported => return Ok(false),
            answer => answer?,
        };
        // `1` is somebody's everywhere: where the list does not keep to the office, another one's row says nothing.
        let is_here =
            |row: &&Location| row.office_id.filled().is_none_or(|id| id.eq_ignore_ascii_case(office_id));
        let own = rows.iter().filter(is_here).find(|row| row.practice_id.str() == practice_id);
        if own.is_some_and(|row| row.access.str().eq_ignore_ascii_case("on")) {
            return Ok(false);
        }
        calls.switch(&Access { office_id, practice_id, access: "ON" }).await?;
        Ok(true)
    }

    /// Has the vendor serve a location no more: it is billed no more.
    ///
    /// # Errors
    /// [`PmsError`].
    pub async fn switch_off(&self, office_id: &str, practice_id: &str) -> Result<(), PmsError> {
        self.calls().switch(&Access { office_id, practice_id, access: "OFF" }).await
    }
}

impl Calls {
    async fn switch(&self, body: &Access<'_>) -> Result<(), PmsError> {
        let request = post("post_practice_location", "/practice_location", body)?;
        let reply = self.send(Door::App, &request, Call::Write).await?;
        if !reply.is_success() {
            return Err(error::refused(&reply, Call::Write));
        }
        let message: wire::Message = read(&reply, Call::Write)?;
        if error::is_failure(message.error_code.str()) {
            return Err(error::refused(&reply, Call::Write));
        }
        Ok(())
    }
}
