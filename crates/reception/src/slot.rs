use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{PracticeId, Window};
use jiff::Timestamp;
use seal::HmacKey;

use crate::Claim;

const PREFIX: &str = "slot_";
const MARK: usize = 8;
const OFFERED: &str = "1";
const NAMED: &str = "2";
const BETWEEN: char = '\u{1f}';

/// Writes an offered time as an opaque id that carries everything, so that nothing is stored for
/// times nobody takes. It is signed for the practice: neither a model's slip nor another practice's
/// id opens. `named`: the caller asked for the clinician by name.
pub(crate) fn write(key: &HmacKey, practice: PracticeId, claim: &Claim, named: bool) -> String {
    let text = format!(
        "{}{BETWEEN}{}{BETWEEN}{}{BETWEEN}{}{BETWEEN}{}",
        if named { NAMED } else { OFFERED },
        claim.window.start.as_second(),
        claim.window.end.as_second() - claim.window.start.as_second(),
        claim.clinician,
        claim.chair
    );
    let mut bytes = text.into_bytes();
    let mark = mark(key, practice, &bytes);
    bytes.extend_from_slice(&mark);
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// Reads what [`write`] wrote for the same practice; anything else is `None`.
pub(crate) fn read(key: &HmacKey, practice: PracticeId, id: &str) -> Option<Claim> {
    let bytes = URL_SAFE_NO_PAD.decode(id.trim().strip_prefix(PREFIX)?).ok()?;
    let (text, given) = bytes.split_at_checked(bytes.len().checked_sub(MARK)?)?;
    if !seal::same_bytes(&mark(key, practice, text), given) {
        return None;
    }
    let mut parts = std::str::from_utf8(text).ok()?.split(BETWEEN);
    if ![OFFERED, NAMED].contains(&parts.next()?) {
        return None;
    }
    let start: i64 = parts.next()?.parse().ok()?;
    let seconds: i64 = parts.next()?.parse().ok()?;
    let window = Window::new(
        Timestamp::from_second(start).ok()?,
        Timestamp::from_second(start.checked_add(seconds)?).ok()?,
    )
    .ok()?;
    let claim = Claim { window, clinician: parts.next()?.to_owned(), chair: parts.next()?.to_owned() };
    parts.next().is_none().then_some(claim)
}

/// Whether an id that [`read`] took is of a time with somebody whom the caller asked for by name.
pub(crate) fn is_named(id: &str) -> bool {
    let bytes = id.trim().strip_prefix(PREFIX).and_then(|id| URL_SAFE_NO_PAD.decode(id).ok());
    bytes.is_some_and(|bytes| bytes.starts_with(NAMED.as_bytes()))
}

fn mark(key: &HmacKey, practice: PracticeId, text: &[u8]) -> Vec<u8> {
    let mut mark = key.sign(&[b"slot", practice.uuid().as_bytes(), text]);
    mark.truncate(MARK);
    mark
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claim() -> Claim {
        let start: Timestamp = "2026-11-24T19:30:00Z".parse().unwrap();
        Claim {
            window: Window::of_minutes(start, 30).unwrap(),
            clinician: "DR-1".to_owned(),
            chair: "OP 2".to_owned(),
        }
    }

    #[test]
    fn a_slot_id_reads_back_for_its_own_practice_only() {
        let (key, practice) = (HmacKey::sha256(b"k"), PracticeId::new());
        let id = write(&key, practice, &claim(), false);
        assert!(id.len() < 80, "{id}");
        assert_eq!(read(&key, practice, &id), Some(claim()));
        let named = write(&key, practice, &claim(), true);
        assert_eq!(read(&key, practice, &named), Some(claim()));
        assert_eq!((is_named(&id), is_named(&named)), (false, true));
        assert_eq!(read(&key, practice, &format!(" {id}\n")), Some(claim()));
        assert_eq!(read(&key, PracticeId::new(), &id), None);
        assert_eq!(read(&HmacKey::sha256(b"other"), practice, &id), None);
    }

    #[test]
    fn a_slot_id_with_any_character_changed_does_not_open() {
        let (key, practice) = (HmacKey::sha256(b"k"), PracticeId::new());
        let id = write(&key, practice, &claim(), false);
        for place in PREFIX.len()..id.len() {
            let mut garbled: Vec<char> = id.chars().collect();
            garbled[place] = if garbled[place] == 'A' { 'B' } else { 'A' };
            assert_eq!(read(&key, practice, &garbled.iter().collect::<String>()), None, "{place}");
        }
    }

    proptest! {
        #[test]
        fn any_text_at_all_is_read_without_a_panic(text in ".{0,80}") {
            let key = HmacKey::sha256(b"k");
            prop_assert_eq!(read(&key, PracticeId::new(), &text), None);
            prop_assert_eq!(read(&key, PracticeId::new(), &format!("slot_{text}")), None);
        }
    }
}
