use jiff::civil::Date;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value};

use super::calendar::{Calendar, spoken};

/// Everything a template may name, for one call.
#[derive(Debug)]
pub(super) struct Scope {
    values: Map<String, Value>,
    calendar: Calendar,
    language: String,
    seed: u64,
    random: StdRng,
}

/// A template names something that is not there.
#[derive(Debug, thiserror::Error)]
#[error("nothing is known as {name:?}")]
pub(super) struct Unresolved {
    pub(super) name: String,
}

impl Scope {
    pub(super) fn new(calendar: Calendar, language: &str, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut values = Map::new();
        // Neighbouring seeds never share a number, and none is a fixed script's: 7919 and 99,000 share no factor.
        let number = 1000 + (u128::from(seed) * 7919) % 99_000;
        values.insert("unique_phone".to_owned(), format!("+155501{number:05}").into());
        values.insert("unique_word".to_owned(), word(&mut random).into());
        values.insert("unique_surname".to_owned(), word(&mut random).into());
        Self { values, calendar, language: language.to_owned(), seed, random }
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    pub(super) fn random(&mut self) -> &mut StdRng {
        &mut self.random
    }

    /// What a dotted path leads to.
    pub(super) fn find(&self, path: &str) -> Option<Value> {
        let mut parts = path.split('.');
        let first = parts.next()?;
        let Some(root) = self.values.get(first) else {
            return self.date(path).map(Value::String);
        };
        let mut found = root;
        for part in parts {
            found = match found {
                Value::Object(object) => object.get(part)?,
                Value::Array(list) => list.get(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(found.clone())
    }

    /// A word for a date; `weekday~20` is one of the next 20 weekdays, neighbouring seeds on neighbouring days.
    fn date(&self, word: &str) -> Option<String> {
        let spread = word.strip_prefix("weekday~").and_then(|count| count.parse::<u64>().ok());
        let date = match spread {
            Some(count) => self.calendar.find(&format!("weekday+{}", 1 + self.seed.checked_rem(count)?)),
            None => self.calendar.find(word),
        };
        date.map(|date| date.to_string())
    }

    /// What a JSON pointer leads to; `*` picks one element of a list.
    pub(super) fn pick(&mut self, value: &Value, pointer: &str) -> Option<Value> {
        let mut found = value;
        for part in pointer.split('/').skip(1) {
            found = match found {
                Value::Object(object) => object.get(part)?,
                Value::Array(list) if part == "*" => {
                    let index = if list.is_empty() { 0 } else { self.random.random_range(0..list.len()) };
                    list.get(index)?
                }
                Value::Array(list) => list.get(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(found.clone())
    }

    /// The value with every template in it filled in.
    pub(super) fn fill(&self, template: &Value) -> Result<Value, Unresolved> {
        Ok(match template {
            Value::String(text) => self.fill_string(text)?,
            Value::Array(list) => {
                Value::Array(list.iter().map(|item| self.fill(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(object) => Value::Object(self.fill_map(object)?),
            plain => plain.clone(),
        })
    }

    pub(super) fn fill_map(&self, template: &Map<String, Value>) -> Result<Map<String, Value>, Unresolved> {
        template.iter().map(|(key, value)| Ok((key.clone(), self.fill(value)?))).collect()
    }

    pub(super) fn fill_text(&self, template: &str) -> Result<String, Unresolved> {
        Ok(plain(self.fill_string(template)?))
    }

    /// A text that is nothing but one template keeps the type of what it names.
    fn fill_string(&self, template: &str) -> Result<Value, Unresolved> {
        let mut filled = String::new();
        let mut rest = template;
        while let Some(open) = rest.find("{{") {
            let Some(length) = rest[open..].find("}}") else { break };
            let value = self.evaluate(rest[open + 2..open + length].trim())?;
            if open == 0 && rest.len() == template.len() && length + 2 == rest.len() {
                return Ok(value);
            }
            filled.push_str(&rest[..open]);
            filled.push_str(&plain(value));
            rest = &rest[open + length + 2..];
        }
        filled.push_str(rest);
        Ok(Value::String(filled))
    }

    fn evaluate(&self, expression: &str) -> Result<Value, Unresolved> {
        let missing = || Unresolved { name: expression.to_owned() };
        if let Some((text, count)) = expression.split_once(" * ") {
            let count: usize = count.trim().parse().map_err(|_| missing())?;
            return Ok(Value::String(text.repeat(count)));
        }
        if let Some(path) = expression.strip_prefix("spoken ") {
            let found = self.find(path.trim()).map(plain).ok_or_else(missing)?;
            // A moment (`2026-03-02T09:00:00-05:00`) is spoken as its day.
            let day = found.get(..10).unwrap_or(&found);
            let date: Date = day.parse().map_err(|_| missing())?;
            return Ok(Value::String(spoken(date, &self.language)));
        }
        self.find(expression).ok_or_else(missing)
    }
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A name nobody has: four syllables, capitalised.
fn word(random: &mut StdRng) -> String {
    const FIRST: &[u8] = b"bdfgklmnprstvz";
    const SECOND: &[u8] = b"aeiou";
    let mut letters = String::new();
    for _ in 0..4 {
        letters.push(char::from(FIRST[random.random_range(0..FIRST.len())]));
        letters.push(char::from(SECOND[random.random_range(0..SECOND.len())]));
    }
    let (first, rest) = letters.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        let calendar = Calendar::new("2026-03-02T15:00:00Z".parse().unwrap(), &TimeZone::UTC);
        let mut scope = Scope::new(calendar, "en", 7);
        scope.set("search", json!({"patientId": "pat_1", "patients": [{"age": 41}]}));
        scope
    }

    #[test]
    fn a_whole_template_keeps_its_type_and_a_part_becomes_text() {
        let scope = scope();
        assert_eq!(scope.fill(&json!("{{search.patients.0.age}}")).unwrap(), json!(41));
        assert_eq!(scope.fill(&json!("aged {{search.patients.0.age}}!")).unwrap(), json!("aged 41!"));
        assert_eq!(
            scope.fill(&json!({"a": ["{{ search.patientId }}", 3]})).unwrap(),
            json!({"a": ["pat_1", 3]})
        );
    }

    #[test]
    fn two_templates_in_one_text_are_both_filled() {
        let filled = scope().fill_text("{{today}} {{search.patientId}}").unwrap();
        assert_eq!(filled, "2026-03-02 pat_1");
    }

    #[test]
    fn dates_are_written_or_spoken() {
        let filled = scope().fill_text("{{next_weekday}} is {{spoken next_weekday}}").unwrap();
        assert_eq!(filled, "2026-03-03 is Tuesday, March 3");
    }

    #[test]
    fn a_day_out_of_many_depends_on_the_seed() {
        // The seed is 7: the third of five, the eighth of twenty.
        let filled = scope().fill_text("{{weekday~5}} {{weekday~20}}").unwrap();
        assert_eq!(filled, "2026-03-05 2026-03-12");
        assert!(scope().fill_text("{{weekday~0}}").is_err());
    }

    #[test]
    fn a_character_can_be_repeated() {
        assert_eq!(scope().fill_text("{{x * 10000}}").unwrap().len(), 10_000);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let missing = scope().fill_text("{{search.nothing}}").unwrap_err();
        assert_eq!(missing.name, "search.nothing");
    }

    #[test]
    fn the_same_seed_makes_the_same_person() {
        assert_eq!(scope().find("unique_word"), scope().find("unique_word"));
        let phone = scope().fill_text("{{unique_phone}}").unwrap();
        assert!(phone.starts_with("+155501") && phone.len() == 12, "{phone}");
    }

    #[test]
    fn neighbouring_seeds_never_share_a_phone_number() {
        let calendar = Calendar::new(jiff::Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        let phone = |seed| Scope::new(calendar.clone(), "en", seed).fill_text("{{unique_phone}}").unwrap();
        let phones: std::collections::BTreeSet<String> = (0..5000).map(phone).collect();
        assert_eq!(phones.len(), 5000);
    }

    #[test]
    fn a_star_picks_an_element_of_a_list() {
        let mut scope = scope();
        let picked = scope.pick(&json!({"slots": [{"id": 1}, {"id": 2}]}), "/slots/*/id").unwrap();
        assert!(picked == json!(1) || picked == json!(2));
        assert!(scope.pick(&json!({"slots": []}), "/slots/*/id").is_none());
    }
}
