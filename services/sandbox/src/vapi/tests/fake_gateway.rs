use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

/// One request as the gateway saw it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) raw: Vec<u8>,
    pub(super) message: Value,
}

impl Seen {
    pub(super) fn kind(&self) -> &str {
        self.message["type"].as_str().unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The tool calls, read leniently and without any of the player's code.
    pub(super) fn tool_calls(&self) -> Vec<(String, String, Value)> {
        let lists = ["toolCallList", "toolCalls", "toolWithToolCallList"];
        let list = lists.iter().find_map(|list| self.message[*list].as_array()).unwrap();
        list.iter()
            .map(|entry| {
                let call = entry.get("toolCall").unwrap_or(entry);
                let name = [&call["function"]["name"], &call["name"], &entry["name"]];
                let arguments = [
                    &call["function"]["arguments"],
                    &call["function"]["parameters"],
                    &call["arguments"],
                    &call["parameters"],
                ];
                let arguments = arguments.into_iter().find(|value| !value.is_null()).unwrap().clone();
                let arguments = match arguments {
                    Value::String(text) => serde_json::from_str(&text).unwrap(),
                    object => object,
                };
                let name = name.into_iter().find_map(Value::as_str).unwrap();
                (call["id"].as_str().unwrap().to_owned(), name.to_owned(), arguments)
            })
            .collect()
    }
}

/// What the gateway answers.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) delay: Duration,
}

impl Answer {
    pub(super) fn of(status: u16, body: Value) -> Self {
        Self { status, body, delay: Duration::ZERO }
    }
}

pub(super) struct FakeGateway {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

type Rule = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

impl FakeGateway {
    /// A gateway that lives as long as the test's runtime.
    pub(super) fn start(rule: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let (rule, seen): (Rule, Arc<Mutex<Vec<Seen>>>) = (Arc::new(rule), Arc::default());
        let (data, rules) = (Arc::clone(&seen), Arc::clone(&rule));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::from(Arc::clone(&data)))
                .app_data(web::Data::new(Arc::clone(&rules)))
                .default_service(web::to(answer))
        })
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        actix_web::rt::spawn(server.run());
        Self { url, seen }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn kinds(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.kind().to_owned()).collect()
    }
}

async fn answer(
    request: HttpRequest,
    raw: web::Bytes,
    seen: web::Data<Mutex<Vec<Seen>>>,
    rule: web::Data<Rule>,
) -> HttpResponse {
    let headers = request.headers().iter();
    let one = Seen {
        path: request.uri().to_string(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        message: serde_json::from_slice::<Value>(&raw).unwrap()["message"].clone(),
        raw: raw.to_vec(),
    };
    let answer = rule(&one);
    seen.lock().unwrap().push(one);
    tokio::time::sleep(answer.delay).await;
    HttpResponse::build(actix_web::http::StatusCode::from_u16(answer.status).unwrap()).json(answer.body)
}

/// What a gateway that does everything right answers.
pub(super) fn right(seen: &Seen) -> Answer {
    let body = match seen.kind() {
        "tool-calls" => {
            let spanish = seen.message["assistant"]["transcriber"]["language"] == "es";
            let results: Vec<Value> = seen
                .tool_calls()
                .iter()
                .map(|(id, name, arguments)| {
                    let answer = tool(name, arguments, spanish);
                    match answer.as_str() {
                        Some(error) => json!({ "name": name, "toolCallId": id, "error": error }),
                        None => json!({ "name": name, "toolCallId": id, "result": answer.to_string() }),
                    }
                })
                .collect();
            json!({ "results": results })
        }
        "assistant-request" => json!({ "assistantId": "assistant-1" }),
        "function-call" => json!({ "result": "found" }),
        "call.endpointing.request" => json!({ "timeoutSeconds": 0.5 }),
        "campaign.predial" => json!({ "eligible": false }),
        "knowledge-base-request" => json!({ "documents": [] }),
        "transfer-destination-request" | "handoff-destination-request" => {
            json!({ "error": "nobody is there" })
        }
        _ => json!({}),
    };
    Answer::of(200, body)
}

fn tool(name: &str, arguments: &Value, spanish: bool) -> Value {
    let say = |english: &'static str, other: &'static str| if spanish { other } else { english };
    match name {
        "searchPatients" if arguments["phone"] == "+15550100010" => json!({
            "status": "found", "patientId": "pat_1", "say": say("I found Maria Lopez.", "Encontré a Maria Lopez."),
        }),
        "searchPatients" if arguments["firstName"] == "Maria" => json!({
            "status": "found", "patientId": "pat_1", "say": "Merci, j'ai trouvé le dossier de Maria.",
        }),
        "getPatientBalance" if arguments["patientId"] == "pat_1" => json!({
            "status": "ok", "say": "Le solde est de 140 dollars.", "balance": { "minor": 14_000, "currency": "USD" },
        }),
        "getPatientInsurance" if arguments["patientId"] == "pat_1" => json!({
            "status": "ok", "say": "Une assurance est au dossier.", "insurances": [{ "rank": "primary" }],
        }),
        "processPayment" if arguments["reference"].as_str().is_some_and(|text| text.starts_with("GW-")) => {
            json!({
                "status": "needs_staff", "say": "Je ne vois pas encore ce paiement. Le personnel vérifiera.",
            })
        }
        "searchPatients" => json!({ "status": "none", "say": "I can't find anybody by that name." }),
        "createPatient" if arguments["firstName"].as_str().is_some_and(|name| !name.is_empty()) => json!({
            "status": "accepted", "patientId": "wb_1", "writebackId": "wb_1", "say": "I've noted your details.",
        }),
        "checkAvailability" if arguments["from"].is_string() => json!({
            "status": "ok", "say": say("I have two times.", "Tengo dos horas."),
            "slots": [
                {"slotId": "slot_1", "start": "2026-03-03T09:00:00-05:00", "say": say("Tuesday at 9", "el martes a las 9")},
                {"slotId": "slot_2", "start": "2026-03-03T10:00:00-05:00", "say": say("Tuesday at 10", "el martes a las 10")},
            ],
        }),
        "bookAppointment" if arguments["slotId"] != "slot_nobody_offered" => json!({
            "status": "accepted", "writebackId": "wb_2", "say": say("I've sent it to the practice.", "Lo envié a la clínica."),
        }),
        "getAppointments" => json!({
            "status": "ok", "say": "I see two appointments to come.",
            "appointments": [
                {"appointmentId": "app_1", "start": "2026-03-04T09:00:00-05:00", "durationMinutes": 30,
                 "provider": "Dr. Amy Lee"},
                {"appointmentId": "app_2", "start": "2026-03-11T09:00:00-05:00", "durationMinutes": 30,
                 "provider": "Dr. Amy Lee"},
            ],
        }),
        "rescheduleAppointment" | "cancelAppointment" if arguments["appointmentId"].is_string() => json!({
            "status": "accepted", "writebackId": "wb_3", "say": "It's on its way to the practice.",
        }),
        "addPatientNote" if arguments["note"].is_string() => json!({
            "status": "accepted", "writebackId": "wb_4", "say": "Your note is on its way.",
        }),
        "eraseEverything" => json!("no such tool"),
        _ => json!({ "status": "refused", "say": "I didn't get that, could you say it again?" }),
    }
}
