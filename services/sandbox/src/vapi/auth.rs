use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use seal::{Algorithm, Encoding, HmacKey, Secret};
use serde::{Deserialize, Serialize};

/// How the simulator proves to the gateway that it is Vapi (voice contract 2).
///
/// The fields are spelled as in Vapi's `authenticationPlan`, so that a plan can be pasted from there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Auth {
    /// No credential at all.
    #[default]
    None,
    /// The older shared secret, plain, in `X-Vapi-Secret`.
    Secret {
        /// The value.
        secret: Secret,
    },
    /// A token in a header.
    #[serde(rename_all = "camelCase")]
    Bearer {
        /// The token.
        token: Secret,
        /// The header's name.
        #[serde(default = "authorization")]
        header_name: String,
        /// Whether `Bearer ` stands before the token.
        #[serde(default = "yes")]
        bearer_prefix_enabled: bool,
    },
    /// A signature over the body.
    Hmac(HmacPlan),
}

/// Vapi's HMAC plan.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HmacPlan {
    /// The shared key.
    pub secret_key: Secret,
    /// `sha256`, `sha512` or `sha1`.
    #[serde(default = "sha256")]
    pub algorithm: Algorithm,
    /// Where the signature goes.
    #[serde(default = "x_signature")]
    pub signature_header: String,
    /// Where the timestamp goes.
    #[serde(default = "x_timestamp")]
    pub timestamp_header: String,
    /// What stands before the signature, such as `sha256=`.
    #[serde(default)]
    pub signature_prefix: String,
    /// Whether the timestamp header is sent.
    #[serde(default = "yes")]
    pub include_timestamp: bool,
    /// What is signed; placeholders `{body} {timestamp} {method} {url} {svix-id}`.
    #[serde(default = "timestamp_and_body")]
    pub payload_format: String,
    /// Where a message id goes, if anywhere.
    #[serde(default)]
    pub message_id_header: Option<String>,
    /// `hex` or `base64`.
    #[serde(default = "hex_text")]
    pub signature_encoding: Encoding,
    /// Whether `secretKey` is base64 of the key rather than the key.
    #[serde(default)]
    pub secret_is_base64: bool,
}

fn authorization() -> String {
    "Authorization".to_owned()
}
fn x_signature() -> String {
    "x-signature".to_owned()
}
fn x_timestamp() -> String {
    "x-timestamp".to_owned()
}
fn timestamp_and_body() -> String {
    "{timestamp}.{body}".to_owned()
}
fn yes() -> bool {
    true
}
fn sha256() -> Algorithm {
    Algorithm::Sha256
}
fn hex_text() -> Encoding {
    Encoding::Hex
}

/// A way in which the proof is wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthFault {
    /// It is right.
    #[default]
    None,
    /// Nothing is sent.
    Missing,
    /// Another secret, token or key.
    WrongKey,
    /// The signature is right for a moment ten minutes ago.
    Stale,
    /// The body was changed after it was signed. Without an HMAC nothing would notice, so this needs one.
    BodyAltered,
}

/// What one HTTP request is signed over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signable<'a> {
    pub(super) url: &'a str,
    pub(super) message_id: &'a str,
    pub(super) body: &'a [u8],
    pub(super) now: Timestamp,
}

impl Auth {
    /// The headers of one request.
    pub(super) fn headers(&self, fault: AuthFault, request: Signable<'_>) -> Vec<(String, String)> {
        if fault == AuthFault::Missing {
            return Vec::new();
        }
        let spoil = |secret: &Secret| match fault {
            AuthFault::WrongKey => format!("not-{}", secret.expose()),
            _ => secret.expose().clone(),
        };
        match self {
            Self::None => Vec::new(),
            Self::Secret { secret } => vec![("x-vapi-secret".to_owned(), spoil(secret))],
            Self::Bearer { token, header_name, bearer_prefix_enabled } => {
                let prefix = if *bearer_prefix_enabled { "Bearer " } else { "" };
                vec![(header_name.clone(), format!("{prefix}{}", spoil(token)))]
            }
            Self::Hmac(plan) => plan.headers(fault, request),
        }
    }
}

impl HmacPlan {
    fn headers(&self, fault: AuthFault, request: Signable<'_>) -> Vec<(String, String)> {
        let age = if fault == AuthFault::Stale { 600 } else { 0 };
        let timestamp = (request.now.as_second() - age).to_string();
        let mut headers = vec![(self.signature_header.clone(), self.signature(fault, &timestamp, request))];
        if self.include_timestamp {
            headers.push((self.timestamp_header.clone(), timestamp));
        }
        if let Some(name) = &self.message_id_header {
            headers.push((name.clone(), request.message_id.to_owned()));
        }
        headers
    }

    fn signature(&self, fault: AuthFault, timestamp: &str, request: Signable<'_>) -> String {
        let given = self.secret_key.expose().as_bytes();
        // A key that is not base64 after all is used as it is: the gateway then refuses, which is what to see.
        let decoded = if self.secret_is_base64 { STANDARD.decode(given).ok() } else { None };
        let mut key = decoded.unwrap_or_else(|| given.to_vec());
        if fault == AuthFault::WrongKey {
            key.extend_from_slice(b"-not");
        }
        let payload = self.payload(timestamp, request);
        let parts: Vec<&[u8]> = payload.iter().map(|part| part.as_ref()).collect();
        let raw = HmacKey::new(self.algorithm, &key).sign(&parts);
        let text = match self.signature_encoding {
            Encoding::Hex => hex::encode(raw),
            Encoding::Base64 => STANDARD.encode(raw),
        };
        format!("{}{text}", self.signature_prefix)
    }

    fn payload<'a>(&'a self, timestamp: &'a str, request: Signable<'a>) -> Vec<&'a [u8]> {
        let known: [(&str, &[u8]); 5] = [
            ("{body}", request.body),
            ("{timestamp}", timestamp.as_bytes()),
            ("{method}", b"POST"),
            ("{url}", request.url.as_bytes()),
            ("{svix-id}", request.message_id.as_bytes()),
        ];
        let mut parts = Vec::new();
        let mut rest = self.payload_format.as_str();
        while let Some(brace) = rest.find('{') {
            parts.push(&rest.as_bytes()[..brace]);
            rest = &rest[brace..];
            let found = known.iter().find(|(name, _)| rest.starts_with(name));
            let (taken, value) = found.map_or((1, &b"{"[..]), |(name, value)| (name.len(), *value));
            parts.push(value);
            rest = &rest[taken..];
        }
        parts.push(rest.as_bytes());
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"message":{"type":"hang","call":{"id":"call-1"}}}"#;

    fn request() -> Signable<'static> {
        Signable {
            url: "https://switchboard.example/api/vapi/webhook?a=1",
            message_id: "msg_1",
            body: BODY,
            now: Timestamp::from_second(1_767_607_200).unwrap(),
        }
    }

    fn headers(plan: &str) -> Vec<(String, String)> {
        serde_json::from_str::<Auth>(plan).unwrap().headers(AuthFault::None, request())
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    // The expected values below were computed with Python's hmac module, not with this code.

    #[test]
    fn the_default_plan_signs_timestamp_and_body_in_hex() {
        assert_eq!(
            headers(r#"{"type":"hmac","secretKey":"sandbox-secret"}"#),
            [
                pair("x-signature", "94e9b9fc163fa5ab9a1f8be33a60c4aa8bba052e42e8b0daa185ccf953ea2b6e"),
                pair("x-timestamp", "1767607200"),
            ]
        );
    }

    #[test]
    fn base64_sha1_and_sha512_are_what_they_say() {
        let sign = |more: &str| {
            headers(&format!(r#"{{"type":"hmac","secretKey":"sandbox-secret",{more}}}"#))[0].1.clone()
        };
        assert_eq!(sign(r#""signatureEncoding":"base64""#), "lOm5/BY/pauaH4vjOmDEqou6BS5C6LDaoYXM+VPqK24=");
        assert_eq!(sign(r#""algorithm":"sha1""#), "f9ee3c385be0fed3e3d251d7bd765e663cf77d49");
        assert_eq!(
            sign(r#""algorithm":"sha512""#),
            "106531e726f56a98444a19717d9ef8048e3689127e948e984620b745e43c65eb59de05f0d80ceed3993c3965e6b9bfd34fbb6274aea9081f63a7152433284abf"
        );
    }

    #[test]
    fn a_body_only_plan_has_its_prefix_its_header_and_no_timestamp() {
        assert_eq!(
            headers(
                r#"{"type":"hmac","secretKey":"sandbox-secret","payloadFormat":"{body}","signaturePrefix":"sha256=",
                    "signatureHeader":"x-vapi-signature","includeTimestamp":false}"#
            ),
            [pair(
                "x-vapi-signature",
                "sha256=b224321be7ff3bdb0f1eb672c1a59ce6bda0fa781152dd452760f3518d289b96"
            )]
        );
    }

    #[test]
    fn a_base64_key_and_a_message_id_go_into_the_signature() {
        assert_eq!(
            headers(
                r#"{"type":"hmac","secretKey":"c2FuZGJveC1zZWNyZXQ=","secretIsBase64":true,"signaturePrefix":"v1,",
                    "payloadFormat":"{svix-id}.{timestamp}.{body}","messageIdHeader":"svix-id",
                    "signatureHeader":"svix-signature","timestampHeader":"svix-timestamp",
                    "signatureEncoding":"base64"}"#
            ),
            [
                pair("svix-signature", "v1,Ve4xdseVEe1uMd4vBQe5VsdapmrCKl7DUf0Px0EY0uQ="),
                pair("svix-timestamp", "1767607200"),
                pair("svix-id", "msg_1"),
            ]
        );
    }

    #[test]
    fn method_and_url_can_be_signed_and_unknown_braces_stay() {
        let plan: Auth = serde_json::from_str(
            r#"{"type":"hmac","secretKey":"k","payloadFormat":"{method} {url} {what} {body}"}"#,
        )
        .unwrap();
        let Auth::Hmac(plan) = plan else { panic!("not an hmac plan") };
        let signed: Vec<u8> = plan.payload("1", request()).concat();
        let expected = [b"POST https://switchboard.example/api/vapi/webhook?a=1 {what} ", BODY].concat();
        assert_eq!(signed, expected);
    }

    #[test]
    fn a_bearer_token_goes_with_or_without_prefix_in_any_header() {
        assert_eq!(headers(r#"{"type":"bearer","token":"abc"}"#), [pair("Authorization", "Bearer abc")]);
        assert_eq!(
            headers(
                r#"{"type":"bearer","token":"abc","headerName":"X-Vapi-Secret","bearerPrefixEnabled":false}"#
            ),
            [pair("X-Vapi-Secret", "abc")]
        );
        assert_eq!(headers(r#"{"type":"secret","secret":"abc"}"#), [pair("x-vapi-secret", "abc")]);
        assert_eq!(headers(r#"{"type":"none"}"#), []);
    }

    #[test]
    fn each_fault_changes_what_it_says() {
        let auth: Auth = serde_json::from_str(r#"{"type":"hmac","secretKey":"sandbox-secret"}"#).unwrap();
        let right = auth.headers(AuthFault::None, request());
        let wrong = auth.headers(AuthFault::WrongKey, request());
        let stale = auth.headers(AuthFault::Stale, request());
        assert_eq!(auth.headers(AuthFault::Missing, request()), []);
        assert_ne!(right[0], wrong[0]);
        assert_eq!(right[1], wrong[1]);
        assert_eq!(stale[1].1, "1767606600");
        let bearer: Auth = serde_json::from_str(r#"{"type":"bearer","token":"abc"}"#).unwrap();
        assert_eq!(bearer.headers(AuthFault::WrongKey, request())[0].1, "Bearer not-abc");
    }
}
