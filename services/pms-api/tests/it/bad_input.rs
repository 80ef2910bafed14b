//! The same malformed arguments through both doors: 422 with the field's path, and a sentence with a code in the log.

use serde_json::{Value, json};
use testbed::{Plan, Stack};

use crate::rest::{ask, day, error, free_times};

/// `(tool, arguments, the field at fault, the code in the log)`.
fn cases(slot: &Value) -> Vec<(&'static str, Value, &'static str, &'static str)> {
    let long = "x".repeat(10_000);
    let person = |field: &str, value: Value| {
        let mut who = json!({ "firstName": "Ann", "lastName": "Ashgrove", "dateOfBirth": "1990-05-17", "phone": "+15550100077" });
        who[field] = value;
        who
    };
    vec![
        ("checkAvailability", json!({ "from": "2027-02-30" }), "from", "not_a_date"),
        ("checkAvailability", json!({ "from": "next Tuesday-ish" }), "from", "not_a_date"),
        ("checkAvailability", json!({ "from": day(-30) }), "from", "date_in_past"),
        ("checkAvailability", json!({ "from": day(5), "to": day(3) }), "to", "range_reversed"),
        ("checkAvailability", json!({}), "from", "missing"),
        (
            "checkAvailability",
            json!({ "from": day(1), "durationMinutes": "-5" }),
            "durationMinutes",
            "out_of_range",
        ),
        ("searchPatients", json!({ "phone": "five five five CALL-ME" }), "phone", "not_a_phone"),
        ("searchPatients", json!({ "lastName": "" }), "lastName", "empty"),
        ("searchPatients", json!({ "lastName": "Lo\u{0}pez" }), "lastName", "control_character"),
        ("createPatient", person("firstName", json!("")), "firstName", "empty"),
        ("createPatient", person("firstName", json!("   ")), "firstName", "empty"),
        ("createPatient", person("lastName", json!(long)), "lastName", "too_long"),
        ("createPatient", person("lastName", json!("Ash\u{0}grove")), "lastName", "control_character"),
        ("createPatient", person("dateOfBirth", json!("1980-13-01")), "dateOfBirth", "not_a_date"),
        ("createPatient", person("dateOfBirth", json!(day(2))), "dateOfBirth", "date_in_future"),
        ("createPatient", person("phone", json!("555-CALL-ME")), "phone", "not_a_phone"),
        ("createPatient", person("firstName", json!(7)), "firstName", "wrong_type"),
        ("createPatient", person("email", json!("nobody")), "email", "not_an_email"),
        ("getPatientInfo", json!({ "patientId": "999999" }), "patientId", "patient_unknown"),
        (
            "bookAppointment",
            json!({ "patientId": "999999", "slotId": slot["slotId"], "reason": "checkup" }),
            "patientId",
            "patient_unknown",
        ),
        (
            "bookAppointment",
            json!({ "patientId": "101", "slotId": "slot_nobody_offered", "reason": "checkup" }),
            "slotId",
            "slot_garbled",
        ),
        ("getAppointments", json!({ "patientId": "999999" }), "patientId", "patient_unknown"),
        ("cancelAppointment", json!({ "appointmentId": "1" }), "patientId", "missing"),
        (
            "rescheduleAppointment",
            json!({ "appointmentId": "1", "patientId": "101", "slotId": "slot_nobody_offered" }),
            "slotId",
            "slot_garbled",
        ),
        ("updatePatient", json!({ "patientId": "101" }), "phone", "nothing_to_change"),
        ("updatePatient", json!({ "patientId": "101", "email": "none" }), "email", "not_an_email"),
        ("addPatientNote", json!({ "patientId": "101", "note": "" }), "note", "empty"),
        ("addPatientNote", json!({ "patientId": "101", "note": long }), "note", "too_long"),
        (
            "bookAppointment",
            json!({ "patientId": "101", "slotId": slot["slotId"], "reason": long }),
            "reason",
            "too_long",
        ),
    ]
}

/// Percent-encodes everything that is not plain.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn query(arguments: &Value) -> String {
    let pairs = arguments.as_object().unwrap().iter();
    pairs
        .map(|(name, value)| format!("{name}={}", encoded(value.as_str().unwrap())))
        .collect::<Vec<_>>()
        .join("&")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_argument_is_422_with_its_path_and_by_voice_a_sentence_with_a_code_in_the_log() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let slot = free_times(&stack).await.remove(0);
    for (number, (tool, arguments, path, code)) in cases(&slot).into_iter().enumerate() {
        let answer = match tool {
            "checkAvailability" => {
                let path = format!("/api/pms/appointments/availability?{}", query(&arguments));
                ask(&stack, "GET", &path, None).await
            }
            "searchPatients" => {
                ask(&stack, "GET", &format!("/api/pms/patients/search?{}", query(&arguments)), None).await
            }
            "getPatientInfo" => ask(&stack, "GET", "/api/pms/patients/999999", None).await,
            "getAppointments" => ask(&stack, "GET", "/api/pms/patients/999999/appointments", None).await,
            "cancelAppointment" => ask(&stack, "DELETE", "/api/pms/appointments/1", None).await,
            "rescheduleAppointment" => {
                ask(&stack, "PATCH", "/api/pms/appointments/1", Some(&arguments)).await
            }
            "updatePatient" => ask(&stack, "PATCH", "/api/pms/patients/101", Some(&arguments)).await,
            "addPatientNote" => ask(&stack, "POST", "/api/pms/patients/101/notes", Some(&arguments)).await,
            "createPatient" => ask(&stack, "POST", "/api/pms/patients", Some(&arguments)).await,
            _ => ask(&stack, "POST", "/api/pms/appointments", Some(&arguments)).await,
        };
        assert_eq!(answer.status, 422, "{tool} {path} {code}: {answer:?}");
        let error = error(&answer);
        assert_eq!(
            (error["code"].as_str(), error["fields"][0]["path"].as_str()),
            (Some("invalid"), Some(path))
        );
        assert!(!answer.text.contains("xxxxxxxxxx"), "the error repeats what was given");
        let (call, id) = (format!("call-{number}"), format!("use-{number}"));
        let told = stack.tool(&stack.clinics[0], (&call, &id), tool, &arguments).await.unwrap();
        assert_eq!(told["status"], "refused", "{tool} {path}: {told}");
        assert!(told["say"].as_str().is_some_and(|say| say.len() > 10 && say.len() < 400), "{told}");
        let log = stack.apis[0].process.log();
        let both = log.lines().filter(|line| line.contains(&format!(r#""tool.code":"{code}""#))).count();
        assert!(both >= 2, "{code} is in the log of both doors");
    }
    let nothing = "SELECT count(*) FROM pms_writebacks";
    assert_eq!(stack.sql(nothing).await.unwrap().concat(), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_read_is_never_a_500() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    for body in [json!([]), json!("text"), json!(null), json!({ "firstName": { "deep": [[[[1]]]] } })] {
        for path in ["/api/pms/patients", "/api/pms/appointments"] {
            let answer = ask(&stack, "POST", path, Some(&body)).await;
            assert!([400, 422].contains(&answer.status), "{body}: {answer:?}");
            error(&answer);
        }
    }
    for path in [
        "/api/pms/patients/%00",
        "/api/pms/patients/%FF",
        "/api/pms/patients/search?lastName=%FF%FE",
        "/api/pms/patients/search?phone=1&phone=2",
        "/api/pms/appointments/availability?from=%00",
        "/api/pms/patients/search?practiceId=none",
        "/api/pms/patients/search?dateOfBirth=0000-00-00&lastName=Lopez",
    ] {
        let answer = ask(&stack, "GET", path, None).await;
        assert!([400, 404, 422].contains(&answer.status), "{path}: {answer:?}");
        error(&answer);
    }
    let eraser = stack.tool(&stack.clinics[0], ("call", "use"), "eraseEverything", &json!({})).await.unwrap();
    assert_eq!(eraser["status"], "refused", "{eraser}");
}
