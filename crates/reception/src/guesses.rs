//! Guesses of who somebody is: a few are slips of the tongue, more are an attempt.

use domain::{Patient, words};
use jiff::civil::Date;
use pms::{ErrorKind, PatientQuery};

use crate::identity::{matching, same_family};
use crate::ports::Guessing;
use crate::turn::{Stop, Turn};
use crate::{Desk, sentences};

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
    /// The call, where the door tells which it is.
    pub(crate) fn call(&self) -> Option<&str> {
        self.desk.caller.call.as_deref().filter(|call| !call.trim().is_empty())
    }

    /// Ends here when the call has had its guesses, or when nobody can count them: without a call, whoever asks can
    /// ask for ever. Somebody whom the door vouches for has nothing to guess.
    pub(crate) async fn may_still_show(&self) -> Result<(), Stop> {
        if self.desk.caller.vouched {
            return Ok(());
        }
        self.in_a_call()?;
        let guesses = self.reception.ledger.guesses(self.desk).await;
        let guesses = guesses.map_err(|error| self.ledger_failed(&error, &sentences::UNREACHABLE))?;
        if guesses < MOST_GUESSES { Ok(()) } else { Err(self.locked()) }
    }

    /// Counts what was said before anybody looks whether it is right, so that of many at once no more are looked at
    /// than of many one after the other. Ends here when the call has had its guesses. [`Turn::settle`] takes it
    /// back unless it turned out wrong; a use of a tool that dies in between leaves it counted.
    pub(crate) async fn pending(&self, said: &Said<'_>) -> Result<Option<Vec<u8>>, Stop> {
        if self.desk.caller.vouched {
            return Ok(None);
        }
        self.in_a_call()?;
        let guess = self.guess_of(said);
        let counted = self.reception.ledger.guessing(self.desk, &guess, MOST_GUESSES).await;
        match counted.map_err(|error| self.ledger_failed(&error, &sentences::UNREACHABLE))? {
            Guessing::Counted => Ok(Some(guess)),
            // It was wrong before, or another use of a tool is looking: theirs to take back.
            Guessing::Known => Ok(None),
            Guessing::TooMany => Err(self.locked()),
        }
    }

    /// Takes back what was counted, unless it was wrong. Where that fails it stays counted.
    pub(crate) async fn settle(&self, counted: Option<Vec<u8>>) {
        if let Some(guess) = counted.filter(|_| !self.was_wrong) {
            self.take_back(self.desk, &guess).await;
        }
    }

    async fn take_back(&self, desk: &Desk, guess: &[u8]) {
        if let Err(error) = self.reception.ledger.guessed_right(desk, guess).await {
            tracing::warn!(tenant.id = %self.desk.tenant, error = ?error, "a right guess stays counted");
        }
    }

    fn guess_of(&self, said: &Said<'_>) -> Vec<u8> {
        let folded = |name: Option<&str>| name.map(|name| words(name).concat()).unwrap_or_default();
        let born = said.born.map(|born| born.to_string()).unwrap_or_default();
        let parts = [folded(said.first), folded(said.last), born, said.of.to_owned()];
        self.reception.guess_key(self.desk, &parts)
    }

    /// Counts what was said as wrong. Ends here when it was one too many.
    pub(crate) async fn guessed(&mut self, said: &Said<'_>) -> Result<(), Stop> {
        if self.desk.caller.vouched {
            return Ok(());
        }
        self.was_wrong = true;
        let guess = self.guess_of(said);
        let guesses = self.reception.ledger.guessed(self.desk, &guess).await;
        let guesses = guesses.map_err(|error| self.ledger_failed(&error, &sentences::UNREACHABLE))?;
        if guesses < MOST_GUESSES { Ok(()) } else { Err(self.locked()) }
    }

    /// Counts a name with a date of birth that found nobody, if somebody is called so: whoever is nobody's
    /// patient has guessed nothing. `near` are others that were found on the way.
    pub(crate) async fn found_nobody(&mut self, said: &Said<'_>, near: &[Patient]) -> Result<(), Stop> {
        if self.desk.caller.vouched || said.born.is_none() {
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

    /// Those born that day whose family name may be the one that was said: a search by name may insist on accents, or on
    /// every family name. Nobody knows whether a day on which nobody is found was a guess or a newcomer's own. So it
    /// locks nothing; but no more such days are looked at in a call than may be guessed wrongly in it.
    pub(crate) async fn born_that_day(&mut self, said: &Said<'_>) -> Result<Vec<Patient>, Stop> {
        let (Some(last), Some(born)) = (said.last, said.born) else { return Ok(Vec::new()) };
        let (counts, guess) = (!self.desk.caller.vouched, self.guess_of(said));
        let mut apart = self.desk.clone();
        apart.caller.call = self.call().map(|call| format!("{call} by the day alone"));
        if counts {
            let counted = self.reception.ledger.guessing(&apart, &guess, MOST_GUESSES).await;
            let counted = counted.map_err(|error| self.ledger_failed(&error, &sentences::UNREACHABLE))?;
            if counted == Guessing::TooMany {
                return Ok(Vec::new());
            }
        }
        let query = PatientQuery { born: Some(born.into()), ..PatientQuery::default() };
        let answered = self.reception.book.search(self.desk, &query).await;
        let mut found = match answered {
            // Not every system looks for a day alone.
            Err(error) if matches!(error.kind, ErrorKind::Invalid | ErrorKind::Unsupported) => Vec::new(),
            answered => self.spent(answered)?,
        };
        found.retain(|one| {
            let that_day = one.born.as_ref().is_some_and(|on| *on.expose() == born);
            that_day && same_family(last, one.name.last.expose())
        });
        if counts && !matching(found.clone(), said.first, said.last, said.born, None).is_empty() {
            self.take_back(&apart, &guess).await;
        }
        Ok(found)
    }

    fn in_a_call(&self) -> Result<(), Stop> {
        let nowhere = || Stop::Answer(self.say(&sentences::IDENTITY_WITHOUT_CALL, &[]));
        self.call().map(drop).ok_or_else(nowhere)
    }

    fn locked(&self) -> Stop {
        Stop::Answer(self.say(&sentences::IDENTITY_LOCKED, &[]))
    }
}
