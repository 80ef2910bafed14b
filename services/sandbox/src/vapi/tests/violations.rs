use std::time::Duration;

use super::fake_gateway::{Answer, FakeGateway, right};
use super::*;

#[actix_web::test]
async fn an_answer_that_is_late_is_a_timeout_for_tools_and_for_the_rest() {
    let gateway = FakeGateway::start(|seen| match seen.kind() {
        "tool-calls" | "hang" => Answer { delay: Duration::from_secs(30), ..right(seen) },
        _ => right(seen),
    });
    let timeline = play(&gateway, &format!("{HANG}{SEARCH}"), json!({ "timeout_seconds": 0.2 })).await;
    assert_eq!(broken(&timeline), ["http.timeout", "http.timeout"]);
    assert!(!timeline.ok);
}

#[actix_web::test]
async fn an_assistant_request_has_its_own_shorter_limit() {
    let gateway = FakeGateway::start(|seen| match seen.kind() {
        "assistant-request" => Answer { delay: Duration::from_secs(30), ..right(seen) },
        _ => right(seen),
    });
    let options = json!({ "assistant_request": true, "assistant_request_seconds": 0.2 });
    let timeline = play(&gateway, HANG, options).await;
    assert_eq!(broken(&timeline), ["http.timeout"]);
    assert_eq!(timeline.ended_reason.as_deref(), Some("assistant-request-failed"));
    assert!((Options::default().assistant_request_seconds - 7.5).abs() < f64::EPSILON);
}

#[actix_web::test]
async fn a_gateway_that_is_away_is_unreachable_and_the_call_still_ends() {
    let gateway = FakeGateway::start(right);
    let mut request = request(&gateway, SEARCH, json!({}));
    request.gateway_url = Some("http://127.0.0.1:1".to_owned());
    let timeline = player().play(request).await.unwrap();
    assert!(timeline.finished && !timeline.ok);
    assert_eq!(broken(&timeline), ["http.unreachable"; 5]);
}

#[actix_web::test]
async fn a_broken_tool_answer_is_a_line_in_the_timeline_and_never_said() {
    let gateway = FakeGateway::start(|seen| {
        let mut answer = right(seen);
        if seen.kind() == "tool-calls" {
            answer.body["results"][0]["result"] = "I found\nMaria".into();
        }
        answer
    });
    let timeline = play(&gateway, SEARCH, json!({})).await;
    assert_eq!(broken(&timeline), ["tool.line-break"]);
    let text = timeline.to_string();
    assert!(text.contains("BROKEN tool.line-break [searchPatients]"), "{text}");
    assert!(!text.contains("agent "), "{text}");
    let report = gateway.seen().into_iter().last().unwrap();
    let items = report.message["messages"].as_array().unwrap().clone();
    assert_eq!(items.last().unwrap()["result"], "No result returned.");
}

#[actix_web::test]
async fn a_refused_informational_message_is_a_violation() {
    let gateway = FakeGateway::start(|seen| match seen.kind() {
        "hang" => Answer::of(400, json!({})),
        _ => right(seen),
    });
    assert_eq!(broken(&play(&gateway, HANG, json!({})).await), ["http.status"]);
}

#[actix_web::test]
async fn what_the_script_expects_and_does_not_get_is_named() {
    let steps = format!(
        "{SEARCH}[[steps]]\nof = \"search\"\n[steps.expect]\nstatus = [\"none\"]\nsay_contains = [\"Pedro\"]\n\
         say_lacks = [\"maria\"]\nhas = [\"/patients\"]\nequals = {{ \"/patientId\" = \"pat_2\" }}\n"
    );
    let gateway = FakeGateway::start(right);
    let timeline = play(&gateway, &steps, json!({})).await;
    assert_eq!(
        broken(&timeline),
        ["expect.status", "expect.say", "expect.say", "expect.has", "expect.equals"]
    );
    assert!(timeline.completed && !timeline.ok);
}

#[actix_web::test]
async fn a_call_whose_answer_lacks_what_comes_next_stops_there_and_ends_properly() {
    let steps = format!(
        "{SEARCH}[[steps]]\ntool = \"getPatientInfo\"\narguments = {{ patientId = \"{{{{search.chartNumber}}}}\" }}\n"
    );
    let gateway = FakeGateway::start(right);
    let timeline = play(&gateway, &steps, json!({})).await;
    assert_eq!(broken(&timeline), ["script.unresolved"]);
    assert!(timeline.violations[0].detail.contains("search.chartNumber"));
    assert!(timeline.finished && !timeline.completed);
    assert_eq!(gateway.kinds().last().unwrap(), "end-of-call-report");
}

#[actix_web::test]
async fn two_writes_for_one_tool_call_are_caught() {
    let steps = "[[steps]]\ntool = \"bookAppointment\"\n";
    let count = std::sync::atomic::AtomicU32::new(0);
    let gateway = FakeGateway::start(move |seen| {
        let mut answer = right(seen);
        if seen.kind() == "tool-calls" {
            let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let result = json!({"status": "accepted", "say": "Sent.", "writebackId": format!("wb_{number}")});
            answer.body["results"][0]["result"] = result.to_string().into();
        }
        answer
    });
    let options = json!({ "delivery": { "extra_copies": 2, "at_once": true, "only": ["tool-calls"] } });
    assert_eq!(broken(&play(&gateway, steps, options).await), ["ours.copies-differ"]);
}
