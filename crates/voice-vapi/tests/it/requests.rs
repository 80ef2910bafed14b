use voice_vapi::{Authenticator, Credential, Message, Unverified, Verified};

/// Verified as the gateway would have it.
pub(crate) fn verified(body: &[u8]) -> Verified<'_> {
    let authenticator = Authenticator::new(&[Credential::Secret { value: "open sesame".into() }]).unwrap();
    let request = Unverified { body, method: "POST", url: "https://clinic.example/api/vapi/webhook" };
    authenticator.verify(request, |_| Some("open sesame"), jiff::Timestamp::now()).unwrap()
}

pub(crate) fn message(value: &serde_json::Value) -> Message {
    Message::read(&verified(value.to_string().as_bytes())).unwrap()
}

pub(crate) const TOOL_CALLS: &[u8] = include_bytes!("../messages/tool-calls.json");
pub(crate) const REPORT: &[u8] = include_bytes!("../messages/end-of-call-report.json");
