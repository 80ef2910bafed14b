/// Why a text cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but space.
    #[error("must not be empty")]
    Empty,
    /// Longer than the field allows.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// A control character, such as U+0000.
    #[error("must not contain control characters")]
    Control,
}

/// One line of text as a person may say it: trimmed, 1 to `most` characters, no control characters.
///
/// # Errors
/// [`TextError`].
pub fn clean_line(text: &str, most: usize) -> Result<String, TextError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    if text.chars().count() > most {
        return Err(TextError::TooLong(most));
    }
    if text.chars().any(char::is_control) {
        return Err(TextError::Control);
    }
    Ok(text.to_owned())
}

/// A name without what people do not hear: case, accents, apostrophes and points.
#[must_use]
pub fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_whitespace() || c == '-' {
            words.push(String::new());
        } else if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            plain(c, word);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn plain(c: char, into: &mut String) {
    let letter = match c {
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' | 'ā' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'é' | 'è' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => 'e',
        'í' | 'ì' | 'î' | 'ï' | 'ī' => 'i',
        'ñ' | 'ń' | 'ň' => 'n',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'ø' | 'ō' => 'o',
        'ú' | 'ù' | 'û' | 'ü' | 'ū' | 'ů' => 'u',
        'ý' | 'ÿ' => 'y',
        'š' | 'ś' => 's',
        'ž' | 'ź' | 'ż' => 'z',
        'ł' => 'l',
        'ß' => return into.push_str("ss"),
        other => other,
    };
    into.push(letter);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_lines_are_refused_by_their_rule() {
        assert_eq!(clean_line("  ", 5), Err(TextError::Empty));
        assert_eq!(clean_line(&"x".repeat(10_000), 100), Err(TextError::TooLong(100)));
        assert_eq!(clean_line("a\u{0}b", 5), Err(TextError::Control));
        assert_eq!(clean_line(" Åsa ", 3), Ok("Åsa".to_owned()));
    }
}
