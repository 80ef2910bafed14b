//! Digits as they stand in a text: written, or said in words in any language there is.

use std::ops::Range;

use crate::words;

/// Groups of digits with nothing but separators between them.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) groups: Vec<Vec<u32>>,
    /// It begins as a phone number with its country does.
    pub(super) plus: bool,
    /// Where it stands in the text.
    pub(super) span: Range<usize>,
}

/// Every run of digits of a text. Whatever is neither a letter nor a digit separates groups; a word that is no number
/// ends a run.
pub(super) fn runs(text: &str) -> Vec<Run> {
    let mut found = vec![Reader::default()];
    let mut segment = String::new();
    let mut before = None;
    let mut plus = false;
    // One more, so that the last segment ends.
    let mut from = 0;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let kind = Kind::of(c);
        if before != Some(kind) {
            if let Some(reader) = found.last_mut()
                && !segment.is_empty()
            {
                let known = reader.run.groups.len();
                if !reader.take(&segment, plus) {
                    found.push(Reader::default());
                } else if known == 0 {
                    reader.run.span = from..at;
                } else {
                    reader.run.span.end = at;
                }
            }
            if !segment.is_empty() {
                plus = false;
            }
            segment.clear();
            from = at;
        }
        match kind {
            Kind::Between => plus = c == '+',
            Kind::Digit | Kind::Letter => segment.push(c),
        }
        before = Some(kind);
    }
    found.into_iter().map(|reader| reader.run).filter(|run| !run.groups.is_empty()).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Digit,
    Letter,
    Between,
}

impl Kind {
    fn of(c: char) -> Self {
        match digit(c) {
            Some(_) => Self::Digit,
            None if c.is_alphabetic() => Self::Letter,
            None => Self::Between,
        }
    }
}

/// A digit in the scripts that keyboards and recognisers write numbers in.
fn digit(c: char) -> Option<u32> {
    let code = u32::from(c);
    c.to_digit(10).or_else(|| {
        [0x0660, 0x06F0, 0x0966, 0xFF10]
            .into_iter()
            .find_map(|zero| code.checked_sub(zero).filter(|at| *at < 10))
    })
}

/// One run while it is read.
#[derive(Debug, Default)]
struct Reader {
    run: Run,
    /// The number that the last word said, where the next may belong to it, and whether it goes on in the
    /// French way: the forty of forty-one.
    open: Option<(u32, bool)>,
    /// How often the next number is meant: double, triple.
    times: usize,
    /// The last group was said in words.
    said: bool,
}

impl Reader {
    /// Takes a segment of one kind; false: the run ends before it.
    fn take(&mut self, segment: &str, plus: bool) -> bool {
        let digits: Vec<u32> = segment.chars().filter_map(digit).collect();
        if !digits.is_empty() {
            self.run.plus |= plus && self.run.groups.is_empty();
            (self.open, self.said) = (None, false);
            self.push(&digits);
            return true;
        }
        let word = words(segment).concat();
        if let Some(value) = value(&word) {
            self.say(value);
            return true;
        }
        match word.as_str() {
            "double" | "doble" => self.times = 2,
            "triple" => self.times = 3,
            // Between numbers in words these are no more than a hyphen; between figures they part two numbers.
            "and" | "y" | "et" | "then" | "luego" | "puis" | "dash" | "guion" | "tiret" | "space"
            | "espacio" | "espace" | "uh" | "um" | "eh" | "euh"
                if self.said => {}
            _ => return false,
        }
        true
    }

    fn push(&mut self, digits: &[u32]) {
        for _ in 0..std::mem::take(&mut self.times).max(1) {
            self.run.groups.push(digits.to_vec());
        }
    }

    fn say(&mut self, value: u32) {
        let (number, french) = if value > FRENCH { (value - FRENCH, true) } else { (value, false) };
        let whole = match (self.open, number) {
            // Four times twenty.
            (Some((4, _)), 20) if french => Some((80, true)),
            // In French, sixty and eighty go on to nineteen, and ten to nineteen with seven to nine.
            (Some((tens @ (60 | 80), true)), 1..=19) => Some((tens + number, true)),
            (Some((10, true)), 7..=9) => Some((10 + number, true)),
            (Some((tens @ 20..=90, of)), 1..=9) if tens % 10 == 0 => Some((tens + number, of)),
            _ => None,
        };
        let (number, french) = whole.inspect(|_| drop(self.run.groups.pop())).unwrap_or((number, french));
        let goes_on = number == 4 || (number > 0 && number % 10 == 0);
        self.open = Some((number, french)).filter(|_| goes_on && self.times <= 1);
        self.said = true;
        let digits = [number / 10, number % 10];
        self.push(if number < 10 { &digits[1..] } else { &digits });
    }
}

/// Added to a number that goes on in the French way: vingt, soixante, dix.
const FRENCH: u32 = 100;

/// What a word without accents counts.
fn value(word: &str) -> Option<u32> {
    Some(match word {
        "zero" | "oh" | "cero" => 0,
        "one" | "uno" | "un" | "una" | "une" => 1,
        "two" | "dos" | "deux" => 2,
        "three" | "tres" | "trois" => 3,
        "four" | "cuatro" | "quatre" => 4,
        "five" | "cinco" | "cinq" => 5,
        "six" | "seis" => 6,
        "seven" | "siete" | "sept" => 7,
        "eight" | "ocho" | "huit" => 8,
        "nine" | "nueve" | "neuf" => 9,
        "ten" | "diez" => 10,
        "dix" => FRENCH + 10,
        "eleven" | "once" | "onze" => 11,
        "twelve" | "doce" | "douze" => 12,
        "thirteen" | "trece" | "treize" => 13,
        "fourteen" | "catorce" | "quatorze" => 14,
        "fifteen" | "quince" | "quinze" => 15,
        "sixteen" | "dieciseis" | "seize" => 16,
        "seventeen" | "diecisiete" => 17,
        "eighteen" | "dieciocho" => 18,
        "nineteen" | "diecinueve" => 19,
        "twenty" | "veinte" => 20,
        "vingt" | "vingts" => FRENCH + 20,
        "veintiuno" | "veintiun" => 21,
        "veintidos" => 22,
        "veintitres" => 23,
        "veinticuatro" => 24,
        "veinticinco" => 25,
        "veintiseis" => 26,
        "veintisiete" => 27,
        "veintiocho" => 28,
        "veintinueve" => 29,
        "thirty" | "treinta" | "trente" => 30,
        "forty" | "fourty" | "cuarenta" | "quarante" => 40,
        "fifty" | "cincuenta" | "cinquante" => 50,
        "sixty" | "sesenta" => 60,
        "soixante" => FRENCH + 60,
        "seventy" | "setenta" | "septante" => 70,
        "eighty" | "ochenta" | "huitante" | "octante" => 80,
        "ninety" | "noventa" | "nonante" => 90,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        let join = |group: &Vec<u32>| group.iter().map(u32::to_string).collect::<String>();
        runs(text).iter().map(|run| run.groups.iter().map(join).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn numbers_are_read_in_every_language() {
        for (text, groups) in [
            ("forty-one eleven", "41 11"),
            ("cuarenta y uno, dieciséis, veintidós", "41 16 22"),
            ("quatre-vingt-onze", "91"),
            ("quatre-vingts", "80"),
            ("soixante et onze, soixante-dix-sept", "71 77"),
            ("quatre-vingt-dix-sept, dix-huit, vingt et un", "97 18 21"),
            ("double four, triple zero", "4 4 0 0 0"),
            ("four 111 oh", "4 111 0"),
            ("sixty eleven, ten seven", "60 11 10 7"),
        ] {
            assert_eq!(said(text), [groups], "{text}");
        }
        assert_eq!(said("one call, two teeth"), ["1", "2"]);
        assert_eq!(said("12 and 13"), ["12", "13"]);
    }
}
