//! Who is told that the staff will help is helped: the front desk has a task.

use domain::Role;
use serde_json::{Value, json};
use testbed::{Plan, Stack, until};

use crate::access::{member, new_key, with_key};
use crate::rest::{SOON, ask, book, ended, error, free_times, wish};

async fn tasks(stack: &Stack) -> Vec<Value> {
    let answer = ask(stack, "GET", "/api/pms/tasks", None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["tasks"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_a_use_of_a_tool_that_needs_staff_leaves_one_task_however_often_it_comes() {
    let stack = Stack::start(Plan { replicas: 2, ..Plan::default() }).await.unwrap();
    let clinic = &stack.clinics[0];
    stack
        .sql(
            "UPDATE pms_connections SET capabilities =
             jsonb_set(capabilities, '{operations}', (capabilities -> 'operations') - 'add_note')",
        )
        .await
        .unwrap();
    let maria = json!({ "firstName": "Maria", "lastName": "Lopez", "dateOfBirth": "1988-03-14" });
    let mut note = maria.clone();
    note["patientId"] = json!("101");
    note["note"] = json!("Will be ten minutes late.");
    let told = until(SOON, "an answer", || async {
        let told = stack.tool(clinic, ("call-1", "note"), "addPatientNote", &note).await.unwrap();
        (told["status"] != "unavailable" && told["status"] != "unknown").then_some(told)
    })
    .await;
    assert_eq!(told["status"], "needs_staff", "{told}");
    let again = (0..4).map(|_| stack.tool(clinic, ("call-1", "note"), "addPatientNote", &note));
    for again in futures_util::future::join_all(again).await {
        assert_eq!(again.unwrap()["say"], told["say"]);
    }
    let left = tasks(&stack).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!((left[0]["code"].as_str(), left[0]["callId"].as_str()), (Some("cannot_here"), Some("call-1")));
    assert_eq!(
        left[0]["sentence"],
        "Somebody wanted to leave a note. Your system does not let that be done from outside."
    );
    // Once it is done, a late delivery of the same use does not bring it back; another use is another task.
    let id = left[0]["id"].as_str().unwrap();
    assert_eq!(ask(&stack, "POST", &format!("/api/pms/tasks/{id}/done"), None).await.status, 200);
    assert_eq!(ask(&stack, "POST", &format!("/api/pms/tasks/{id}/done"), None).await.json()["before"], true);
    let kept = "SELECT detail->>'task', call_id FROM audit_log WHERE action = 'task.done' AND actor LIKE 'api key %'";
    assert_eq!(stack.sql(kept).await.unwrap(), [[id, "call-1"]], "whose hand it was is on record, once");
    stack.tool(clinic, ("call-1", "note"), "addPatientNote", &note).await.unwrap();
    assert_eq!(tasks(&stack).await.len(), 0);
    stack.tool(clinic, ("call-1", "another note"), "addPatientNote", &note).await.unwrap();
    assert_eq!(tasks(&stack).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_caller_who_guesses_is_stopped_audited_and_left_to_the_staff() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    let said = async |number: u32, born: &str| {
        let maria = json!({ "firstName": "Maria", "lastName": "Lopez", "dateOfBirth": born });
        let id = format!("guess-{number}");
        until(SOON, "an answer", || async {
            let told = stack.tool(clinic, ("call-1", &id), "searchPatients", &maria).await.unwrap();
            (told["status"] != "unavailable" && told["status"] != "unknown").then_some(told)
        })
        .await
    };
    for (number, born) in ["1988-03-11", "1988-03-12"].into_iter().enumerate() {
        assert_eq!(said(u32::try_from(number).unwrap(), born).await["status"], "none");
    }
    assert_eq!(said(2, "1988-03-13").await["status"], "needs_staff");
    let right = said(3, "1988-03-14").await;
    assert_eq!(right["status"], "needs_staff", "{right}");
    assert!(right.get("patientId").is_none() && right.get("firstName").is_none(), "{right}");
    let audited = "SELECT detail ->> 'code' FROM audit_log WHERE action = 'patient.search' ORDER BY sequence";
    assert_eq!(
        stack.sql(audited).await.unwrap().concat(),
        ["patient_not_found", "patient_not_found", "identity_locked", "identity_locked"]
    );
    let left = tasks(&stack).await;
    assert_eq!(left.len(), 1, "asking on is nothing new: {left:?}");
    assert_eq!(left[0]["wanted"]["lastName"], "Lopez", "{left:?}");
    assert_eq!(left[0]["wanted"]["callerPhone"], "+15550100099", "{left:?}");
    // What is stored of the arguments cannot be tried out by whoever reads the rows.
    let stored = stack.sql("SELECT encode(arguments_hash, 'hex') FROM tool_calls").await.unwrap().concat();
    assert_eq!(stored.len(), 4);
    let arguments = json!({ "firstName": "Maria", "lastName": "Lopez", "dateOfBirth": "1988-03-14" });
    for practice in [String::new(), clinic.practice.to_string()] {
        let plain = seal::sha256_hex(format!("searchPatients\n{practice}\n{arguments}").as_bytes());
        assert!(!stored.contains(&plain), "{practice}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_a_record_is_never_changed_from_outside_and_staff_are_told_for_whom_and_what() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    let change = json!({ "phone": "+15550100077", "address": "7 Harbour Lane" });
    let path = "/api/pms/patients/101";
    let answer = ask(&stack, "PATCH", path, Some(&change)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        (answer.json()["status"].as_str(), answer.json()["code"].as_str()),
        (Some("needs_staff"), Some("cannot_here"))
    );
    assert_eq!(ask(&stack, "PATCH", "/api/pms/patients/999999", Some(&change)).await.status, 422);
    // On the phone, by whom it is.
    let mut said = change.clone();
    said["patientId"] = json!("101");
    let hear = async |id: &str, arguments: &Value| {
        until(SOON, "an answer", || async {
            let told = stack.tool(clinic, ("call-1", id), "updatePatient", arguments).await.unwrap();
            (told["status"] != "unavailable" && told["status"] != "unknown").then_some(told)
        })
        .await
    };
    assert_eq!(hear("stranger", &said).await["status"], "refused");
    for (field, value) in [("firstName", "Maria"), ("lastName", "Lopez"), ("dateOfBirth", "1988-03-14")] {
        said[field] = json!(value);
    }
    assert_eq!(hear("maria", &said).await["status"], "needs_staff");
    let left = tasks(&stack).await;
    assert_eq!(left.len(), 2, "{left:?}");
    for task in &left {
        let wanted = &task["wanted"];
        for (name, value) in [
            ("patientId", "101"),
            ("patientName", "Maria Lopez"),
            ("phone", "+15550100077"),
            ("address", "7 Harbour Lane"),
        ] {
            assert_eq!(wanted[name], value, "{task}");
        }
        assert!(wanted.get("dateOfBirth").is_none(), "{task}");
        assert_eq!(
            task["sentence"],
            "Somebody wanted to have their phone, e-mail or address changed. Your system does not let that be done \
             from outside."
        );
        assert_eq!(
            task["nextAction"],
            "Do it in your own system: the task says for whom, and what they want. Call them back where they have to \
             know."
        );
    }
    let kept = stack.sql("SELECT t::text FROM staff_tasks t").await.unwrap().concat().concat();
    assert!(
        !["Harbour", "0100077", "Lopez"].iter().any(|text| kept.contains(text)),
        "at rest it is sealed: {kept}"
    );
    assert!(!stack.logs().contains("Harbour"), "it is in a log");
    let audited = "SELECT action, patient, outcome FROM audit_log WHERE action IN ('patient.update', 'task.read') \
                   AND patient IS NOT NULL ORDER BY sequence";
    assert_eq!(
        stack.sql(audited).await.unwrap(),
        [
            ["patient.update", "101", "needs_staff"],
            ["patient.update", "101", "refused"],
            ["patient.update", "101", "needs_staff"],
            ["task.read", "101", "ok"]
        ]
    );
    // Nothing reached the practice's system, and nothing waits to.
    assert_eq!(stack.sql("SELECT count(*) FROM pms_writebacks").await.unwrap().concat(), ["0"]);
    assert!(stack.sandbox.writes(&clinic.office).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_what_staff_are_left_with_is_told_to_who_may_read_patients_and_to_nobody_else() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    // The practice's system lets no appointment be cancelled from outside.
    stack
        .sql(
            "UPDATE pms_connections SET capabilities =
             jsonb_set(capabilities, '{operations}', (capabilities -> 'operations') - 'cancel_appointment')",
        )
        .await
        .unwrap();
    let slot = free_times(&stack).await[0].clone();
    book(&stack, "book-1", &wish("101", &slot)).await;
    assert_eq!(ended(&stack, 1).await, ["succeeded"]);
    let maria = json!({ "firstName": "Maria", "lastName": "Lopez", "dateOfBirth": "1988-03-14" });
    let hear = async |id: &str, tool: &str, more: &Value| {
        let mut arguments = maria.clone();
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        until(SOON, "an answer", || async {
            let told = stack.tool(clinic, ("call-1", id), tool, &arguments).await.unwrap();
            (told["status"] != "unavailable" && told["status"] != "unknown").then_some(told)
        })
        .await
    };
    let read = hear("read", "getAppointments", &json!({ "patientId": "101" })).await;
    let all = read["appointments"].as_array().unwrap();
    let ours = all.iter().find(|one| one["start"] == slot["start"]).cloned();
    let appointment = ours.unwrap_or_else(|| panic!("{read}"))["appointmentId"].clone();
    let which = json!({ "patientId": "101", "appointmentId": appointment });
    let told = hear("cancel", "cancelAppointment", &which).await;
    assert_eq!(told["status"], "needs_staff", "{told}");
    assert!(told.get("wanted").is_none(), "{told}");
    let seen = async |role: Role, subject: &str| {
        member(&stack, clinic, subject, role).await;
        let token = stack.token(&json!({ "user": subject, "use": "id" })).await.unwrap();
        with_key(&stack, &token, "GET", "/api/pms/tasks", None).await
    };
    let (_, wall) = new_key(&stack, &["tasks.read"]).await;
    for hidden in [
        seen(Role::Auditor, "olivia-owner").await,
        with_key(&stack, &wall, "GET", "/api/pms/tasks", None).await,
    ] {
        let task = &hidden.json()["tasks"][0];
        assert_eq!((&task["code"], &task["wanted"]), (&json!("cannot_here"), &Value::Null), "{task}");
        assert_eq!(task["wantedHidden"], true, "{task}");
        assert!(!hidden.text.contains("Lopez") && !hidden.text.contains("0100099"), "{hidden:?}");
    }
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'task.read'";
    assert_eq!(stack.sql(audited).await.unwrap().concat(), ["0"], "nobody read anything of a patient");
    let shown = seen(Role::Receptionist, "rita-receptionist").await.json();
    let task = &shown["tasks"][0];
    for (name, value) in [
        ("patientId", json!("101")),
        ("patientName", json!("Maria Lopez")),
        ("appointmentId", appointment),
        ("appointmentStart", slot["start"].clone()),
        ("callerPhone", json!("+15550100099")),
    ] {
        assert_eq!(task["wanted"][name], value, "{task}");
    }
    assert_eq!(task["wantedHidden"], false, "{task}");
    let audited = "SELECT patient FROM audit_log WHERE action = 'task.read'";
    assert_eq!(stack.sql(audited).await.unwrap().concat(), ["101"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_of_twelve_guesses_at_the_same_time_three_are_looked_at() {
    let stack = Stack::start(Plan { replicas: 2, ..Plan::default() }).await.unwrap();
    let clinic = &stack.clinics[0];
    let maria = |born: String| json!({ "firstName": "Maria", "lastName": "Lopez", "dateOfBirth": born });
    // Until everything is up, in a call of its own.
    until(SOON, "an answer", || async {
        let warm = maria("1988-03-14".to_owned());
        let told = stack.tool(clinic, ("call-0", "warm"), "searchPatients", &warm).await.unwrap();
        (told["status"] == "found").then_some(())
    })
    .await;
    let told = futures_util::future::join_all((1..=12).map(async |day: u32| {
        let guess = maria(format!("1988-03-{day:02}"));
        stack.tool(clinic, ("call-1", &format!("guess-{day}")), "searchPatients", &guess).await.unwrap()
    }))
    .await;
    let wrong = told.iter().filter(|told| told["status"] == "none").count();
    assert!(wrong < 3, "the last of three says that it was one too many: {told:?}");
    let kept =
        stack.sql("SELECT count(*) FROM call_guesses WHERE call_id = 'call-1'").await.unwrap().concat();
    assert_eq!(kept, ["3"], "{told:?}");
    let right = maria("1988-03-14".to_owned());
    let told = stack.tool(clinic, ("call-1", "right"), "searchPatients", &right).await.unwrap();
    assert_eq!(told["status"], "needs_staff", "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_calls_a_clinic_without_a_connection_leaves_a_task_too() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    stack.sql("UPDATE pms_connections SET status = 'disabled'").await.unwrap();
    let asking = json!({ "from": "2030-01-07" });
    let told = until(SOON, "an answer", || async {
        let told = stack.tool(clinic, ("call-1", "look"), "checkAvailability", &asking).await.unwrap();
        (told["reason"] == "no PMS integration found").then_some(told)
    })
    .await;
    assert!(told["say"].as_str().unwrap().contains("staff will help you"), "{told}");
    stack.tool(clinic, ("call-1", "look"), "checkAvailability", &asking).await.unwrap();
    let left = tasks(&stack).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(
        (left[0]["code"].as_str(), left[0]["callId"].as_str()),
        (Some("no_integration"), Some("call-1"))
    );
    assert_eq!(left[0]["wanted"], json!({ "from": "2030-01-07", "callerPhone": "+15550100099" }));
    // In the clinic's own language, where the call names none.
    stack.sql("UPDATE tenants SET language = 'es'").await.unwrap();
    let told = stack.tool(clinic, ("call-1", "look again"), "checkAvailability", &asking).await.unwrap();
    assert!(told["say"].as_str().unwrap().contains("El personal le ayudará"), "{told}");
    // A page at a time, also after a task of the page before is done.
    let page = ask(&stack, "GET", "/api/pms/tasks?limit=1", None).await.json();
    assert_eq!(page["tasks"][0]["id"], left[0]["id"], "{page}");
    let id = page["nextCursor"].as_str().unwrap();
    assert_eq!(ask(&stack, "POST", &format!("/api/pms/tasks/{id}/done"), None).await.status, 200);
    let rest = ask(&stack, "GET", &format!("/api/pms/tasks?limit=5&cursor={id}"), None).await.json();
    assert_eq!((rest["tasks"].as_array().unwrap().len(), &rest["nextCursor"]), (1, &Value::Null), "{rest}");
    let never = "/api/pms/tasks?cursor=0197d2a0-0000-7000-8000-000000000000";
    assert_eq!(ask(&stack, "GET", never, None).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_locations_none_is_taken_unless_it_is_named() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    let search = "/api/pms/patients/search?phone=5550100010";
    assert_eq!(ask(&stack, "GET", search, None).await.status, 200);
    stack
        .sql(
            "INSERT INTO practices SELECT (jsonb_populate_record(p,
               jsonb_build_object('id', gen_random_uuid()))).* FROM practices p",
        )
        .await
        .unwrap();
    stack
        .sql(
            "INSERT INTO pms_connections SELECT (jsonb_populate_record(c, jsonb_build_object(
               'id', gen_random_uuid(), 'practice_id', (SELECT id FROM practices WHERE id <> c.practice_id)))).*
             FROM pms_connections c",
        )
        .await
        .unwrap();
    // Every process hears that what it remembers is old. A search asks the practice seven things: asked over and over
    // until it is forgotten by itself, it would use up what may be asked.
    let told = ask(&stack, "PUT", "/api/pms/identity", Some(&json!({ "tools": {} }))).await;
    assert_eq!(told.status, 200, "{told:?}");
    let refused = until(SOON, "two locations", || async {
        let answer = ask(&stack, "GET", search, None).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!((refused.status, &error(&refused)["fields"][0]["path"]), (422, &json!("practiceId")));
    let named = format!("{search}&practiceId={}", clinic.practice);
    assert_eq!(ask(&stack, "GET", &named, None).await.status, 200);
}
