//! Who may ask, and what is there to ask for.

use serde_json::{Value, json};
use testbed::{Plan, Stack};

use crate::rest::{ask, ended, error, free_times, wish};

pub(crate) const CHECKED_IN: &str = include_str!("../../openapi.json");

#[tokio::test(flavor = "multi_thread")]
async fn only_a_key_of_ours_opens_and_every_refusal_is_the_one_error_object() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let url = &stack.apis[0].url;
    let search = format!("{url}/api/pms/patients/search?phone=5550100010");
    for headers in
        [vec![], vec![("authorization", "Bearer swb_nobody")], vec![("authorization", "Basic eDp5")]]
    {
        let answer = stack.http.send("GET", &search, &headers, None).await.unwrap();
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(error(&answer)["code"], "unauthenticated");
    }
    for (method, path, status, code) in [
        ("GET", "/api/pms/nothing-here", 404, "not_found"),
        ("DELETE", "/api/pms/appointments", 405, "method_not_allowed"),
    ] {
        let answer = ask(&stack, method, path, None).await;
        assert_eq!((answer.status, error(&answer)["code"].as_str()), (status, Some(code)), "{answer:?}");
    }
    let served = stack.http.send("GET", &format!("{url}/api/openapi.json"), &[], None).await.unwrap();
    assert_eq!(served.json(), serde_json::from_str::<Value>(CHECKED_IN).unwrap());
    stack.sql("UPDATE api_keys SET revoked_at = now()").await.unwrap();
    assert_eq!(ask(&stack, "GET", "/api/pms/patients/search?phone=5550100010", None).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_tenants_key_reaches_nothing_by_another_tenants_ids() {
    let stack = Stack::start(Plan { clinics: 2, ..Plan::default() }).await.unwrap();
    let (ours, theirs) = (&stack.clinics[0], &stack.clinics[1]);
    let slot = &free_times(&stack).await[0];
    let who = json!({ "firstName": "Juniper", "lastName": "Ashgrove", "dateOfBirth": "1990-05-17", "phone": "+15550100077" });
    let made = ask(&stack, "POST", "/api/pms/patients", Some(&who)).await.json();
    let write = made["writebackId"].as_str().unwrap();
    assert_eq!(ended(&stack, 1).await, ["succeeded"]);
    let foreign = async |method: &str, path: &str, body: Option<&Value>| {
        stack.rest(&theirs.api_key, (method, path), &[], body).await.unwrap()
    };
    // Patient 101 is somebody else in their office; Maria Lopez is in ours alone.
    let searched = foreign("GET", "/api/pms/patients/search?phone=5550100010", None).await;
    assert_eq!(searched.json()["status"], "none", "{searched:?}");
    let read = foreign("GET", "/api/pms/patients/101", None).await;
    assert_ne!(read.json()["firstName"], "Maria", "{read:?}");
    // A write of ours, as patient or as what a patient waits for.
    let by_write = foreign("GET", &format!("/api/pms/patients/{write}"), None).await;
    assert_eq!(by_write.status, 422, "{by_write:?}");
    let booked = foreign("POST", "/api/pms/appointments", Some(&wish(write, slot))).await;
    assert_eq!(booked.status, 422, "{booked:?}");
    // A time that was offered by us.
    let booked = foreign("POST", "/api/pms/appointments", Some(&wish("102", slot))).await;
    assert_eq!(booked.status, 422, "{booked:?}");
    assert_eq!(error(&booked)["fields"][0]["path"], "slotId");
    // A practice of ours.
    let path = format!("/api/pms/patients/search?phone=5550100010&practiceId={}", ours.practice);
    assert_eq!(foreign("GET", &path, None).await.status, 404);
    let own = format!("/api/pms/patients/search?phone=5550100010&practiceId={}", theirs.practice);
    assert_eq!(foreign("GET", &own, None).await.status, 200);
    let theirs = format!("SELECT count(*) FROM pms_writebacks WHERE tenant_id = '{}'", theirs.tenant.uuid());
    assert_eq!(stack.sql(&theirs).await.unwrap().concat(), ["0"]);
}
