use serde_json::Value;

use crate::ReadError;

const WORD: &str = "[secret]";

/// The payload without the vendor's secrets, for storing: tokens, passwords, keys, a server's own
/// headers, the live control and listen URLs, and signed download URLs become one fixed word.
///
/// Patient data stays: it is what the payload is kept for, and is the store's to seal.
///
/// # Errors
/// [`ReadError::NotJson`]: then nothing can be told apart, and the bytes must not be kept unsealed.
pub fn redacted(body: &[u8]) -> Result<Vec<u8>, ReadError> {
    let mut value: Value = serde_json::from_slice(body).map_err(|_| ReadError::NotJson)?;
    hide(&mut value);
    serde_json::to_vec(&value).map_err(|_| ReadError::NotJson)
}

fn hide(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(map) => {
            for (key, value) in map {
                if is_secret(key) && !value.is_null() {
                    *value = Value::String(WORD.to_owned());
                } else if key.eq_ignore_ascii_case("headers") {
                    hide_all(value);
                } else {
                    hide(value);
                }
            }
        }
        _ => {}
    }
}

/// A server's headers may be named anything, so every value of theirs goes.
fn hide_all(value: &mut Value) {
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter_mut().for_each(hide_all),
        Value::Object(map) => map.values_mut().for_each(hide_all),
        other => *other = Value::String(WORD.to_owned()),
    }
}

fn is_secret(key: &str) -> bool {
    let plain: String =
        key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    const ENDS: [&str; 7] =
        ["token", "secret", "password", "apikey", "privatekey", "secretkey", "authorization"];
    ENDS.iter().any(|end| plain.ends_with(end))
        || matches!(plain.as_str(), "controlurl" | "listenurl")
        || (plain.starts_with("presigned") && plain.ends_with("url"))
}
