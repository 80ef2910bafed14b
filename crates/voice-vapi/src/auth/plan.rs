use jiff::{SignedDuration, Timestamp};
use seal::{Algorithm, Encoding, HmacKey, Secret, decode_secret};
use serde::Deserialize;

use super::{Refusal, Unverified};

/// How far a signature's time may be from ours, either way. Vapi publishes no window.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// Vapi's `HMACAuthenticationPlan`, field by field, with its defaults.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HmacPlan {
    /// `secretKey`.
    pub secret_key: Secret,
    /// `secretIsBase64`: the key is the decoded text.
    #[serde(default)]
    pub secret_is_base64: bool,
    /// `algorithm`.
    #[serde(default = "sha256")]
    pub algorithm: Algorithm,
    /// `signatureHeader`.
    #[serde(default = "signature_header")]
    pub signature_header: String,
    /// `signaturePrefix`: stands before the signature, and must.
    #[serde(default)]
    pub signature_prefix: String,
    /// `signatureEncoding`.
    #[serde(default = "hexadecimal")]
    pub signature_encoding: Encoding,
    /// `includeTimestamp`.
    #[serde(default = "yes")]
    pub include_timestamp: bool,
    /// `timestampHeader`: 10 digits of seconds or 13 of milliseconds.
    #[serde(default = "timestamp_header")]
    pub timestamp_header: String,
    /// `payloadFormat`: text with `{body}`, `{timestamp}`, `{method}`, `{url}` and `{svix-id}`. Without
    /// one: `{timestamp}.{body}`, or `{body}` where the timestamp is left out.
    #[serde(default)]
    pub payload_format: Option<String>,
    /// `messageIdHeader`: where `{svix-id}` is read from.
    #[serde(default = "message_id_header")]
    pub message_id_header: String,
}

const fn sha256() -> Algorithm {
    Algorithm::Sha256
}

const fn hexadecimal() -> Encoding {
    Encoding::Hex
}

const fn yes() -> bool {
    true
}

fn signature_header() -> String {
    "x-signature".to_owned()
}

fn timestamp_header() -> String {
    "x-timestamp".to_owned()
}

fn message_id_header() -> String {
    "svix-id".to_owned()
}

impl HmacPlan {
    /// Vapi's defaults for `secret_key`.
    #[must_use]
    pub fn defaults(secret_key: Secret) -> Self {
        Self {
            secret_key,
            secret_is_base64: false,
            algorithm: sha256(),
            signature_header: signature_header(),
            signature_prefix: String::new(),
            signature_encoding: hexadecimal(),
            include_timestamp: true,
            timestamp_header: timestamp_header(),
            payload_format: None,
            message_id_header: message_id_header(),
        }
    }
}

enum Part {
    Literal(String),
    Body,
    Timestamp,
    Method,
    Url,
    MessageId,
}

/// A plan made ready: the key prepared, the template parsed.
pub(super) struct SignatureCheck {
    key: HmacKey,
    header: String,
    prefix: String,
    prefix_required: bool,
    encoding: Encoding,
    template: Vec<Part>,
    signs_time: bool,
    timestamp_header: String,
    message_id_header: String,
}

impl SignatureCheck {
    pub(super) fn new(plan: &HmacPlan) -> Result<Self, &'static str> {
        if plan.secret_key.expose().trim().is_empty() {
            return Err("the secret key is empty");
        }
        if plan.signature_header.trim().is_empty() {
            return Err("the signature header has no name");
        }
        let template = parse(match &plan.payload_format {
            Some(format) => format,
            None if plan.include_timestamp => "{timestamp}.{body}",
            None => "{body}",
        })?;
        if !template.iter().any(|part| matches!(part, Part::Body)) {
            return Err("the payload format does not sign `{body}`");
        }
        let signs_time = template.iter().any(|part| matches!(part, Part::Timestamp));
        if signs_time && !plan.include_timestamp {
            return Err("the payload format signs `{timestamp}`, which is left out");
        }
        let key = if plan.secret_is_base64 {
            let bytes = decode_secret(plan.secret_key.expose()).ok_or("the secret key is not base64")?;
            if bytes.is_empty() {
                return Err("the secret key is empty");
            }
            HmacKey::new(plan.algorithm, &bytes)
        } else {
            HmacKey::new(plan.algorithm, plan.secret_key.expose().as_bytes())
        };
        Ok(Self {
            key,
            header: plan.signature_header.clone(),
            prefix: plan.signature_prefix.clone(),
            prefix_required: true,
            encoding: plan.signature_encoding,
            template,
            signs_time,
            timestamp_header: plan.timestamp_header.clone(),
            message_id_header: plan.message_id_header.clone(),
        })
    }

    pub(super) fn body_only(secret_key: Secret) -> Result<Self, &'static str> {
        let plan = HmacPlan {
            signature_header: "x-vapi-signature".to_owned(),
            signature_prefix: "sha256=".to_owned(),
            include_timestamp: false,
            ..HmacPlan::defaults(secret_key)
        };
        Ok(Self { prefix_required: false, ..Self::new(&plan)? })
    }

    pub(super) fn check<'h>(
        &self,
        request: &Unverified<'_, '_>,
        header: impl Fn(&str) -> Option<&'h str>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let written = header(&self.header).ok_or(Refusal::Missing)?;
        let signature = match written.strip_prefix(self.prefix.as_str()) {
            Some(signature) => signature,
            None if self.prefix_required => return Err(Refusal::Malformed),
            None => written,
        };
        let time = if self.signs_time { header(&self.timestamp_header).ok_or(Refusal::Missing)? } else { "" };
        let mut parts: Vec<&[u8]> = Vec::with_capacity(self.template.len());
        for part in &self.template {
            parts.push(match part {
                Part::Literal(text) => text.as_bytes(),
                Part::Body => request.body,
                Part::Timestamp => time.as_bytes(),
                Part::Method => request.method.as_bytes(),
                Part::Url => request.url.as_bytes(),
                Part::MessageId => header(&self.message_id_header).ok_or(Refusal::Missing)?.as_bytes(),
            });
        }
        if !self.key.verifies(&parts, signature, self.encoding) {
            return Err(Refusal::Mismatch);
        }
        if self.signs_time {
            let signed_at = moment(time).ok_or(Refusal::Malformed)?;
            if now.duration_since(signed_at).abs() > WINDOW {
                return Err(Refusal::Stale);
            }
        }
        Ok(())
    }
}

/// Vapi does not publish the unit: 10 digits are seconds, 13 are milliseconds.
fn moment(text: &str) -> Option<Timestamp> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = text.parse().ok()?;
    match text.len() {
        10 => Timestamp::from_second(number).ok(),
        13 => Timestamp::from_millisecond(number).ok(),
        _ => None,
    }
}

fn parse(format: &str) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = format;
    while let Some((literal, after)) = rest.split_once('{') {
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.to_owned()));
        }
        let (name, after) = after.split_once('}').ok_or("the payload format has a `{` without `}`")?;
        parts.push(match name {
            "body" => Part::Body,
            "timestamp" => Part::Timestamp,
            "method" => Part::Method,
            "url" => Part::Url,
            "svix-id" => Part::MessageId,
            _ => return Err("the payload format has a placeholder that is not known"),
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}
