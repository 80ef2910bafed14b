use actix_web::HttpResponse;
use reception::{Access, Tool, tools};
use serde_json::{Map, Value, json};

/// Where a tool stands in the REST API: method, path and the name of its path parameter.
const TWINS: &[(&str, &str, &str, Option<&str>)] = &[
    ("searchPatients", "get", "/api/pms/patients/search", None),
    ("getPatientInfo", "get", "/api/pms/patients/{patient}", Some("patientId")),
    ("createPatient", "post", "/api/pms/patients", None),
    ("updatePatient", "patch", "/api/pms/patients/{patient}", Some("patientId")),
    ("checkAvailability", "get", "/api/pms/appointments/availability", None),
    ("bookAppointment", "post", "/api/pms/appointments", None),
    ("getAppointments", "get", "/api/pms/patients/{patient}/appointments", Some("patientId")),
    ("rescheduleAppointment", "patch", "/api/pms/appointments/{appointment}", Some("appointmentId")),
    ("cancelAppointment", "delete", "/api/pms/appointments/{appointment}", Some("appointmentId")),
    ("addPatientNote", "post", "/api/pms/patients/{patient}/notes", Some("patientId")),
    ("listProviders", "get", "/api/pms/providers", None),
    ("listAppointmentTypes", "get", "/api/pms/appointment-types", None),
    ("getPatientBalance", "get", "/api/pms/patients/{patient}/balance", Some("patientId")),
    ("processPayment", "post", "/api/pms/payments", None),
    ("getPatientInsurance", "get", "/api/pms/patients/{patient}/insurance", Some("patientId")),
];

/// `GET /api/openapi.json`.
pub(crate) async fn document() -> HttpResponse {
    HttpResponse::Ok().json(openapi())
}

/// `GET /api/pms/tools`: the registry, for whoever sets up an agent.
pub(crate) async fn registry() -> HttpResponse {
    HttpResponse::Ok().json(tools())
}

/// The whole document: the registry decides what the REST twins take.
pub(crate) fn openapi() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for &(name, method, path, path_field) in TWINS {
        let Some(tool) = reception::tool(name) else { continue };
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(entry) = entry.as_object_mut() {
            entry.insert(method.to_owned(), operation(tool, method, path_field));
        }
    }
    super::writebacks_document::describe(&mut paths);
    super::payments::describe(&mut paths);
    super::insight_document::describe(&mut paths);
    super::setup_document::describe(&mut paths);
    super::identity::describe(&mut paths);
    super::access_document::describe(&mut paths);
    super::access_document::add_permissions(&mut paths);
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Switchboard", "version": env!("CARGO_PKG_VERSION") },
        "security": [{ "apiKey": [] }, { "oidc": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": super::access_document::schemes(),
            "schemas": { "Error": error_schema(), "Answer": answer_schema() },
        },
    })
}

fn operation(tool: &Tool, method: &str, path_field: Option<&str>) -> Value {
    let mut operation = json!({
        "operationId": tool.name,
        "summary": tool.description,
        "responses": {
            "200": answer("It was done, or this is the answer."),
            "401": error("No API key, or one that is not ours."),
            "404": error("The tenant has no PMS integration, or there is no such thing."),
            "422": error("A field breaks a rule; `fields` names both."),
            "503": error("Not now; see `Retry-After`."),
        },
    });
    let which = json!({
        "type": "string", "description": "The location, `prac_…`: needed where the tenant has several.",
    });
    let mut parameters = vec![json!({
        "name": "Accept-Language", "in": "header", "required": false,
        "description": "`en`, `es` or `fr`: what the sentence is said in.", "schema": { "type": "string" },
    })];
    let properties = tool.arguments.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let required: Vec<&str> = tool
        .arguments
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    for (name, schema) in &properties {
        if path_field == Some(name.as_str()) {
            let place = if name == "appointmentId" { "appointment" } else { "patient" };
            parameters.push(json!({ "name": place, "in": "path", "required": true, "schema": schema }));
        } else if matches!(method, "get" | "delete") {
            let needed = required.contains(&name.as_str());
            parameters.push(json!({ "name": name, "in": "query", "required": needed, "schema": schema }));
        }
    }
    let in_body = matches!(method, "post" | "patch");
    if !in_body {
        parameters.push(json!({ "name": "practiceId", "in": "query", "required": false, "schema": which }));
    }
    if let Some(fields) = operation.as_object_mut() {
        if in_body {
            let mut body = body_of(&tool.arguments, path_field);
            body["properties"]["practiceId"] = which;
            fields.insert(
                "requestBody".to_owned(),
                json!({ "required": true, "content": { "application/json": { "schema": body } } }),
            );
        }
        if matches!(tool.access, Access::Writes) {
            parameters.push(json!({
                "name": "Idempotency-Key", "in": "header", "required": false,
                "description": "A repeat with the same key gets the first answer; nothing is done twice.",
                "schema": { "type": "string", "minLength": 1, "maxLength": 200 },
            }));
            if let Some(responses) = fields.get_mut("responses").and_then(Value::as_object_mut) {
                responses
                    .insert("202".to_owned(), answer("It is on its way; the practice has not said yes yet."));
                responses.insert("409".to_owned(), error("The Idempotency-Key was used for something else."));
            }
        }
        fields.insert("parameters".to_owned(), Value::Array(parameters));
    }
    operation
}

/// What stands in the path does not stand in the body.
fn body_of(arguments: &Value, path_field: Option<&str>) -> Value {
    let mut body = arguments.clone();
    let Some(field) = path_field else { return body };
    if let Some(properties) = body.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove(field);
    }
    if let Some(required) = body.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name != field);
    }
    body
}

fn answer(description: &str) -> Value {
    json!({ "description": description,
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Answer" } } } })
}

pub(super) fn error(description: &str) -> Value {
    json!({ "description": description,
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } } })
}

fn answer_schema() -> Value {
    json!({
        "type": "object",
        "required": ["status", "code", "say"],
        "properties": {
            "status": { "type": "string", "description": "What it means: ok, none, found, several, confirmed, accepted, needs_staff, refused, unknown." },
            "code": { "type": "string", "description": "Which sentence it is." },
            "say": { "type": "string", "description": "The sentence that may be said to the patient, as it stands." },
        },
        "additionalProperties": true,
    })
}

fn error_schema() -> Value {
    json!({
        "type": "object",
        "required": ["error"],
        "properties": { "error": {
            "type": "object",
            "required": ["code", "message", "request_id"],
            "properties": {
                "code": { "type": "string" },
                "message": { "type": "string" },
                "request_id": { "type": "string" },
                "fields": { "type": "array", "items": {
                    "type": "object",
                    "required": ["path", "rule"],
                    "properties": { "path": { "type": "string" }, "rule": { "type": "string" } },
                } },
            },
        } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_a_rest_twin_and_the_document_is_the_one_checked_in() {
        for tool in tools() {
            assert!(TWINS.iter().any(|twin| twin.0 == tool.name), "{} has no REST twin", tool.name);
        }
        let checked_in = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let now = serde_json::to_string_pretty(&openapi()).unwrap() + "\n";
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(checked_in, &now).unwrap();
        }
        let then = std::fs::read_to_string(checked_in).unwrap_or_default();
        assert_eq!(then, now, "run the test with UPDATE_OPENAPI=1 and look at the difference");
    }
}
