use domain::TenantId;
use rstest::rstest;
use serde_json::{Value, json};
use voice_vapi::{Language, Lookups, Message, Place, TenantClaims, TenantRefusal};

use crate::requests::{TOOL_CALLS, message, verified};

fn tenant(last: u128) -> TenantId {
    TenantId::from_uuid(uuid::Uuid::from_u128(0x0189_0000_0000_7000_8000_0000_0000_0000 + last))
}

fn claims(value: &Value) -> TenantClaims {
    let message = message(value);
    message.claims(&message.tool_calls())
}

#[test]
fn every_documented_place_is_read() {
    let message = Message::read(&verified(TOOL_CALLS)).unwrap();
    let claims = message.claims(&message.tool_calls());
    let places: Vec<_> = claims.accounts.iter().map(|(place, _)| *place).collect();
    assert_eq!(
        places,
        [Place::StaticArgument, Place::CallOverrides, Place::Call, Place::Variables, Place::Assistant]
    );
    assert_eq!(claims.call_id.as_deref(), Some("01890000-0000-7000-8000-00000000ca11"));
    assert_eq!(claims.clinic_number.as_deref(), Some("+15550100002"));
    assert_eq!(claims.phone_number_id.as_deref(), Some("01890000-0000-7000-8000-0000000000f0"));
    assert_eq!(claims.assistant_id.as_deref(), Some("01890000-0000-7000-8000-0000000000a5"));
    assert_eq!(claims.resolve(&Lookups::default()), Ok(tenant(1)));
    assert_eq!(message.language(), Some(Language::Spanish));
    assert_eq!(message.customer_number().unwrap().expose(), "+15550100010");
}

#[rstest]
#[case(json!({"call": {"assistantOverrides": {"metadata": {"accountId": tenant(1)}}}}))]
#[case(json!({"assistant": {"metadata": {"accountId": tenant(1)}}}))]
#[case(json!({"call": {"metadata": {"accountId": tenant(1)}}}))]
#[case(json!({"call": {"assistant": {"metadata": {"accountId": tenant(1)}}}}))]
#[case(json!({"call": {"assistantOverrides": {"variableValues": {"accountId": tenant(1)}}}}))]
#[case(json!({"call": {"metadata": {"accountId": tenant(1).uuid()}}}))]
fn one_place_is_enough(#[case] inner: Value) {
    assert_eq!(claims(&json!({"message": inner})).resolve(&Lookups::default()), Ok(tenant(1)));
}

#[test]
fn our_own_records_are_enough_when_the_metadata_was_dropped() {
    let bare = claims(&json!({"message": {"call": {"id": "c", "metadata": null}}}));
    let ours = [
        Lookups { own_call: Some(tenant(1)), ..Lookups::default() },
        Lookups { clinic_number: Some(tenant(1)), ..Lookups::default() },
        Lookups { phone_number_id: Some(tenant(1)), ..Lookups::default() },
        Lookups { assistant_id: Some(tenant(1)), ..Lookups::default() },
    ];
    for lookups in ours {
        assert_eq!(bare.resolve(&lookups), Ok(tenant(1)));
    }
}

#[test]
fn a_call_that_leads_nowhere_is_refused_in_the_fields_own_words() {
    let refusal =
        claims(&json!({"message": {"type": "tool-calls"}})).resolve(&Lookups::default()).unwrap_err();
    assert_eq!(refusal.to_string(), "no account id in the call context");
}

#[rstest]
#[case(json!("acct_of_somebody_else"))]
#[case(json!("{{ accountId }}"))]
fn an_account_id_that_is_not_ours_is_refused(#[case] account: Value) {
    let claims = claims(&json!({"message": {"call": {"metadata": {"accountId": account}}}}));
    let refusal = claims.resolve(&Lookups::default()).unwrap_err();
    assert_eq!(refusal.to_string(), "no PMS integration found");
    let known = Lookups { clinic_number: Some(tenant(1)), ..Lookups::default() };
    assert_eq!(claims.resolve(&known), Err(TenantRefusal::Conflict));
}

#[rstest]
#[case::two_records(Lookups { own_call: Some(tenant(1)), clinic_number: Some(tenant(2)), ..Lookups::default() })]
#[case::record_and_metadata(Lookups { own_call: Some(tenant(2)), ..Lookups::default() })]
#[case::number_and_metadata(Lookups { clinic_number: Some(tenant(2)), ..Lookups::default() })]
#[case::assistant_and_metadata(Lookups { assistant_id: Some(tenant(2)), ..Lookups::default() })]
fn p6_two_sources_that_disagree_serve_nobody(#[case] lookups: Lookups) {
    let claims = claims(&json!({"message": {"call": {"metadata": {"accountId": tenant(1)}}}}));
    let refusal = claims.resolve(&lookups).unwrap_err();
    assert_eq!(refusal.to_string(), "conflicting account ids in the call context");
}

#[test]
fn p6_two_metadata_places_that_disagree_serve_nobody() {
    let claims = claims(&json!({"message": {
        "call": {"metadata": {"accountId": tenant(1)}},
        "assistant": {"metadata": {"accountId": tenant(2)}},
    }}));
    assert_eq!(claims.resolve(&Lookups::default()), Err(TenantRefusal::Conflict));
}

#[rstest]
#[case(json!("en-US"), Some(Language::English))]
#[case(json!("multi"), None)]
#[case(json!(null), None)]
fn the_language_is_the_one_the_assistant_listens_in(#[case] code: Value, #[case] expected: Option<Language>) {
    let message = message(&json!({"message": {"assistant": {"transcriber": {"language": code}}}}));
    assert_eq!(message.language(), expected);
}

#[test]
fn a_request_without_an_envelope_is_known_by_its_url_alone() {
    let id = tenant(1).to_string();
    assert_eq!(TenantClaims::of_url(Some(&id)).resolve(&Lookups::default()), Ok(tenant(1)));
    assert_eq!(TenantClaims::of_url(Some(" ")).resolve(&Lookups::default()), Err(TenantRefusal::NoAccount));
    assert_eq!(TenantClaims::of_url(None).resolve(&Lookups::default()), Err(TenantRefusal::NoAccount));
}
