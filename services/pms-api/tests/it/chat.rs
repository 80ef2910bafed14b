//! An agent that chats uses the same tools by the same queue; its conversation stands for the call.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bus::{Bus, BusConfig, Letter, topology};
use messages::{Named as _, v1};
use serde_json::{Value, json};
use testbed::{Plan, Stack, until};

use crate::rest::{SOON, day, ended};

/// The agent of one conversation, over a channel that vouches for the patient's number, unless it is empty.
struct Chat<'a> {
    stack: &'a Stack,
    bus: Bus,
    conversation: &'a str,
    number: &'a str,
    uses: AtomicU32,
}

impl<'a> Chat<'a> {
    async fn open(stack: &'a Stack, conversation: &'a str, number: &'a str) -> Self {
        let bus = Bus::connect(BusConfig::new(stack.amqp_url.clone(), "chat")).await.unwrap();
        Self { stack, bus, conversation, number, uses: AtomicU32::new(0) }
    }

    async fn ask(&self, door: &str, tool: &str, arguments: &Value) -> v1::ToolReply {
        let question = v1::ToolQuestion {
            tenant_id: self.stack.clinics[0].tenant.to_string(),
            tool: tool.to_owned(),
            arguments_json: arguments.to_string(),
            call_id: self.conversation.to_owned(),
            tool_call_id: self.uses.fetch_add(1, Ordering::Relaxed).to_string(),
            caller_phone: self.number.to_owned(),
            door: door.to_owned(),
            ..v1::ToolQuestion::default()
        };
        let letter = Letter::new(v1::ToolQuestion::NAME, question.to_bytes());
        let reply = self.bus.ask(topology::TOOLS_CALL, letter, Duration::from_secs(15)).await.unwrap();
        v1::ToolReply::from_bytes(&reply.body).unwrap()
    }

    /// The status and the data of an answer, once there is more to tell than "not now". What is not known of a write
    /// that was recorded is an answer: nobody asks for it a second time.
    async fn told(&self, tool: &str, arguments: Value) -> (String, Value) {
        until(SOON, "an answer", || async {
            let reply = self.ask("chat", tool, &arguments).await;
            let passing = ["records_unreachable", "not_sure_recorded"].contains(&reply.code.as_str());
            let data = serde_json::from_str(&reply.data_json).unwrap();
            (!passing && reply.status != "unavailable").then_some((reply.status, data))
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_can_be_used_in_a_chat_and_is_audited_as_such() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let chat = Chat::open(&stack, "conversation-1", "+15550100010").await;
    let (status, found) = chat.told("searchPatients", json!({ "phone": "+15550100010" })).await;
    assert_eq!((status.as_str(), &found["patientId"]), ("found", &json!("101")));
    let maria = json!({ "patientId": "101" });
    let maria_and = |more: Value| {
        let mut all = maria.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let (status, own) = chat.told("getAppointments", maria.clone()).await;
    assert_eq!(status, "ok", "{own}");
    let mine = |number: usize| own["appointments"][number]["appointmentId"].clone();
    for tool in ["listProviders", "listAppointmentTypes", "getPatientInfo"] {
        let arguments = if tool == "getPatientInfo" { maria.clone() } else { json!({}) };
        let (status, told) = chat.told(tool, arguments).await;
        assert!(["ok", "found"].contains(&status.as_str()), "{tool}: {status} {told}");
    }
    // The first for a visit as long as the one that moves, the last for another.
    let (with, minutes) = (&own["appointments"][0]["provider"], &own["appointments"][0]["durationMinutes"]);
    let free = json!({ "from": day(1), "to": day(7), "provider": with, "durationMinutes": minutes });
    let (_, times) = chat.told("checkAvailability", free).await;
    let slots = times["slots"].as_array().unwrap();
    let slot = |one: Option<&Value>| one.unwrap()["slotId"].clone();
    let writes = [
        ("bookAppointment", maria_and(json!({ "slotId": slot(slots.last()), "reason": "checkup" }))),
        (
            "rescheduleAppointment",
            maria_and(json!({ "appointmentId": mine(0), "slotId": slot(slots.first()) })),
        ),
        ("cancelAppointment", maria_and(json!({ "appointmentId": mine(1) }))),
        ("addPatientNote", maria_and(json!({ "note": "Comes by bus." }))),
        (
            "createPatient",
            json!({ "firstName": "Juniper", "lastName": "Ashgrove", "dateOfBirth": "1990-05-17",
                "phone": "+15550100077" }),
        ),
    ];
    for (tool, arguments) in &writes {
        let (status, told) = chat.told(tool, arguments.clone()).await;
        assert!(["confirmed", "accepted"].contains(&status.as_str()), "{tool}: {status} {told}");
    }
    let who = json!({ "firstName": "Maria", "lastName": "Lopez", "dateOfBirth": "1988-03-14" });
    let payment = json!({ "reference": "GW-7K2M", "amount": 2000, "currency": "USD", "method": "card" });
    for (tool, more, expected) in [
        ("getPatientBalance", who, "ok"),
        ("getPatientInsurance", json!({}), "ok"),
        // Nobody's word puts a payment on an account, and no system takes a new number from outside.
        ("processPayment", payment, "needs_staff"),
        ("updatePatient", json!({ "phone": "+15550100078" }), "needs_staff"),
    ] {
        let (status, told) = chat.told(tool, maria_and(more)).await;
        assert_eq!(status, expected, "{tool}: {told}");
    }
    assert_eq!(ended(&stack, writes.len()).await, vec!["succeeded"; writes.len()]);
    let audited =
        "SELECT DISTINCT actor || ' in ' || coalesce(call_id, '') FROM audit_log WHERE tool IS NOT NULL";
    assert_eq!(stack.sql(audited).await.unwrap().concat(), ["chat agent in conversation-1"]);
    let used = stack.sql("SELECT DISTINCT tool FROM tool_calls").await.unwrap().concat();
    let all: BTreeSet<&str> = reception::tools().iter().map(|tool| tool.name).collect();
    assert_eq!(used.iter().map(String::as_str).collect::<BTreeSet<_>>(), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_channel_that_vouches_for_no_number_opens_no_record_and_an_unknown_door_opens_nothing() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let chat = Chat::open(&stack, "conversation-1", "").await;
    let by_number = json!({ "phone": "+15550100010" });
    let (status, told) = chat.told("searchPatients", by_number.clone()).await;
    assert_eq!((status.as_str(), told), ("none", json!({})), "it asks who that is, and tells nothing");
    let who = json!({ "firstName": "Maria", "lastName": "Lopez", "dateOfBirth": "1988-03-14" });
    assert_eq!(chat.told("searchPatients", who).await.0, "found");
    let reply = Chat::open(&stack, "conversation-1", "+15550100010")
        .await
        .ask("fax", "searchPatients", &by_number)
        .await;
    assert_eq!((reply.status.as_str(), reply.code.as_str()), ("unavailable", "unavailable"));
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_what_is_asked_again_outside_of_any_call_is_one_task_and_another_wish_is_another() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let nowhere = Chat::open(&stack, "", "").await;
    for patient in ["101", "101", "102"] {
        let whose = json!({
            "patientId": patient, "firstName": "Maria", "lastName": "Lopez", "dateOfBirth": "1988-03-14",
        });
        let (status, told) = nowhere.told("getPatientInfo", whose).await;
        assert_eq!(status, "needs_staff", "{told}");
    }
    let left = "SELECT count(*) FROM staff_tasks WHERE code = 'identity_without_call'";
    assert_eq!(stack.sql(left).await.unwrap().concat(), ["2"]);
}
