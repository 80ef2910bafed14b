//! Guesses of who somebody is: a few are slips of the tongue, more are an attempt.

use domain::Patient;
use jiff::civil::Date;
use pms::PatientQuery;

use crate::identity::{matching, words};
use crate::sentences;
use crate::turn::{Stop, Turn};

/// After so many different wrong ones in a call, nobody shows any more in it who they are.
pub(crate) const MOST_GUESSES: u32 = 3;

/// What somebody said of who they are.
#[derive(Debug, Default)]
pub(crate) struct Said<'a> {
    pub(crate) first: Option<&'a str>,
    pub(crate) last: Option<&'a str>,
    pub(crate) born: Option<Date>,
    /// The record it was said of; empty when it was to find one.
    pub(crate) of: &'a str,
}

impl Turn<'_> {
    /// Whether guesses are counted: somebody whom the door vouches for has nothing to guess, and without a call
    /// nothing is remembered of who somebody is.
    fn counts_guesses(&self) -> bool {
        !self.desk.caller.vouched && self.desk.caller.call.is_some()
    }

    /// Ends here when the call has had its guesses.
    pub(crate) async fn may_still_show(&self) -> Result<(), Stop> {
        if !self.counts_guesses() {
            return Ok(());
        }
        let guesses = self.reception.ledger.guesses(self.desk).await;
        let guesses = guesses.map_err(|error| self.ledger_failed(&error, &sentences::UNREACHABLE))?;
        if guesses < MOST_GUESSES { Ok(()) } else { Err(self.locked()) }
    }

    /// Counts what was said as wrong. Ends here when it was one too many.
    pub(crate) async fn guessed(&self, said: &Said<'_>) -> Result<(), Stop> {
        if !self.counts_guesses() {
            return Ok(());
        }
        let folded = |name: Option<&str>| name.map(|name| words(name).concat()).unwrap_or_default();
        let born = said.born.map(|born| born.to_string()).unwrap_or_default();
        let parts = [folded(said.first), folded(said.last), born, said.of.to_owned()];
        let guess = self.reception.guess_key(self.desk, &parts);
        let guesses = self.reception.ledger.guessed(self.desk, &guess).await;
        let guesses = guesses.map_err(|error| self.ledger_failed(&error, &sentences::UNREACHABLE))?;
        if guesses < MOST_GUESSES { Ok(()) } else { Err(self.locked()) }
    }

    /// Counts a name with a date of birth that found nobody, if somebody is called so: whoever is nobody's
    /// patient has guessed nothing. `near` are others that were found on the way.
    pub(crate) async fn found_nobody(&mut self, said: &Said<'_>, near: &[Patient]) -> Result<(), Stop> {
        if !self.counts_guesses() || said.born.is_none() {
            return Ok(());
        }
        let mut meant = !near.is_empty();
        if !meant && let Some(last) = said.last {
            let query = PatientQuery {
                first_name: said.first.map(Into::into),
                last_name: Some(last.into()),
                ..PatientQuery::default()
            };
            let named = self.search(&query).await?;
            meant = !matching(named, said.first, said.last, None, None).is_empty();
        }
        if meant { self.guessed(said).await } else { Ok(()) }
    }

    fn locked(&self) -> Stop {
        Stop::Answer(self.say(&sentences::IDENTITY_LOCKED, &[]))
    }
}
