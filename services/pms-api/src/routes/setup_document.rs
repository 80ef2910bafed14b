use serde_json::{Map, Value, json};

use super::openapi::error;

/// Adds how a clinic's system is connected, and what staff choose about it.
pub(super) fn describe(paths: &mut Map<String, Value>) {
    let mut add = |path: &str, method: &str, operation: Value, refusals: &[(&str, &str)]| {
        let mut operation = operation;
        for (status, text) in refusals.iter().chain(&[("401", "No API key, or one that is not ours.")]) {
            operation["responses"][*status] = error(text);
        }
        if path.contains("{id}") {
            operation["parameters"] =
                json!([{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }]);
            operation["responses"]["404"] = error("There is no such connection.");
        }
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[method] = operation;
    };
    let rule = ("422", "A field breaks a rule; `fields` names both.");
    let later = ("503", "The vendor or our worker does not answer; see `Retry-After`.");
    let taken = ("409", "The office is connected to another account, or cannot be used so.");
    add("/api/pms/setup", "post", setup(), &[rule, taken, later]);
    let status = "Every connection, and every office on its way to one.";
    add("/api/pms/status", "get", operation("getPmsStatus", status, &status_schema()), &[]);
    let all = json!({ "type": "object", "properties": { "connections": list(&connection()) } });
    let listed = operation("listConnections", "The tenant's connections.", &all);
    add("/api/pms/connections", "get", listed, &[]);
    let one = "/api/pms/connections/{id}";
    add(
        one,
        "get",
        operation("getConnection", "One connection, without anything secret.", &connection()),
        &[],
    );
    add(one, "patch", choices(), &[rule, taken, later]);
    let test = operation("testConnection", "Tries it, and reads anew what it can do.", &tested());
    add(&format!("{one}/test"), "post", test, &[later]);
    let mut enable = operation("enableConnection", "Tries it, and uses it again if it works.", &connection());
    enable["responses"]["202"] = json!({ "description": "The vendor has no data of the practice yet: it becomes \
        active by itself.", "content": { "application/json": { "schema": connection() } } });
    add(&format!("{one}/enable"), "post", enable, &[taken, later]);
    let off = "Uses it no more, until it is enabled. Nothing of it is deleted; the vendor is told to switch its location off.";
    add(&format!("{one}/disable"), "post", operation("disableConnection", off, &connection()), &[]);
    for (path, name, what, schema) in [
        ("clinicians", "Clinicians", "What staff call the people of the vendor's list.", clinicians()),
        ("appointment-types", "AppointmentTypes", "The kinds of appointment that staff offer.", kinds()),
    ] {
        let path = format!("{one}/{path}");
        add(&path, "get", operation(&format!("getConnection{name}"), what, &schema), &[]);
        let whole = format!("{what} This takes the place of all there were.");
        let put = body(operation(&format!("putConnection{name}"), &whole, &schema), &schema);
        add(&path, "put", put, &[rule]);
    }
}

fn operation(id: &str, summary: &str, answer: &Value) -> Value {
    json!({
        "operationId": id, "summary": summary,
        "responses": { "200": {
            "description": "Done, or the answer.", "content": { "application/json": { "schema": answer } },
        } },
    })
}

fn body(mut operation: Value, schema: &Value) -> Value {
    operation["requestBody"] =
        json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    operation
}

fn list(of: &Value) -> Value {
    json!({ "type": "array", "items": of })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn choice(description: &str) -> Value {
    json!({ "type": ["string", "null"], "description": format!("{description} Null takes the choice back.") })
}

fn object(required: &[&str], properties: &Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

fn setup() -> Value {
    let asked = object(
        &["officeId", "secretKey"],
        &json!({
            "vendor": { "type": "string", "enum": ["sikka"], "default": "sikka" },
            "officeId": text("The vendor's id of the customer: `D12345`."),
            "secretKey": json!({ "type": "string", "writeOnly": true, "maxLength": 200,
                "description": "The office's secret key. It is sealed, and never returned." }),
            "locationId": text("The vendor's id of the location; the office's main one unless said."),
            "practiceId": text("Which of your locations it is: `prac_…`; the one it fits, or a new one, unless said."),
        }),
    );
    let summary = "Connects an office of a practice-management system. It is tried before anything is saved.";
    let mut setup = body(operation("setUpConnection", summary, &connection()), &asked);
    setup["responses"]["201"] = json!({ "description": "It works and is used from now on.",
        "content": { "application/json": { "schema": connection() } } });
    setup["responses"]["202"] = json!({ "description": "It is right, and the vendor has no data of the practice yet: \
        it becomes active by itself.", "content": { "application/json": { "schema": connection() } } });
    setup
}

fn connection() -> Value {
    let word = json!({ "type": "object", "properties": {
        "possible": { "type": "boolean" }, "chosen": { "type": ["string", "null"] },
        "choices": { "type": "array", "items": { "type": "string" } },
    } });
    json!({ "type": "object", "properties": {
        "connectionId": text("`conn_…`"), "practiceId": text("`prac_…`"), "practiceName": text("As patients know it."),
        "vendor": text("`sikka`"), "system": text("The practice's own system: `Open Dental`."),
        "officeId": text("The vendor's id of the customer."), "locationId": text("The vendor's id of the location."),
        "timeZone": text("IANA."),
        "status": { "type": "string", "enum": ["active", "onboarding", "reauthorise", "error", "disabled"] },
        "sentence": text("What that means."), "nextAction": text("What to do, if anything."),
        "features": { "type": "array", "items": { "type": "string" } },
        "words": { "type": "object", "properties": { "cancel": word, "note": word } },
        "paymentTypes": { "type": "object", "additionalProperties": { "type": "string" } },
        "defaultClinician": { "type": ["string", "null"] }, "keyExpiresAt": { "type": ["string", "null"] },
        "lastError": { "type": ["string", "null"] },
    } })
}

fn status_schema() -> Value {
    json!({ "type": "object", "properties": {
        "ready": { "type": "boolean", "description": "Whether any connection works." },
        "connections": list(&connection()),
        "setups": list(&json!({ "type": "object", "properties": {
            "id": text("Its id."), "vendor": text("`sikka`"), "officeId": text("The vendor's id of the customer."),
            "locationId": { "type": ["string", "null"] },
            "state": { "type": "string",
                "enum": ["confirming", "onboarding", "done", "cancelled", "refused", "gave_up"] },
            "reason": { "type": ["string", "null"] }, "sentence": text("What that means."),
            "nextAction": text("What to do, if anything."), "connectionId": { "type": ["string", "null"] },
            "attempts": { "type": "integer" }, "nextTryAt": { "type": ["string", "null"] },
            "since": text("When it was told first."),
        } })),
    } })
}

fn choices() -> Value {
    let asked = object(
        &[],
        &json!({
            "cancelWord": choice("The status that takes an appointment out of the calendar: one of `words.cancel.choices`."),
            "noteKind": choice("What a caller's note is filed as: one of `words.note.choices`."),
            "paymentTypes": { "type": "object", "additionalProperties": { "type": ["string", "null"] },
                "description": "By way to pay (card, cash, cheque, transfer): the practice's own code, one that its \
                    system lists; null takes the choice back." },
            "defaultClinician": choice("Whom new patients are filed under, by the vendor's id, as the practice lists it."),
        }),
    );
    body(operation("changeConnection", "The words and people that staff chose.", &connection()), &asked)
}

fn tested() -> Value {
    json!({ "type": "object", "properties": {
        "ok": { "type": "boolean" }, "status": { "type": "string" },
        "problem": { "type": ["object", "null"], "properties": {
            "kind": text("Which."), "code": { "type": ["string", "null"] }, "sentence": text("What that means."),
            "nextAction": text("What to do."),
        } },
        "connection": connection(),
    } })
}

fn clinicians() -> Value {
    let one = object(
        &["vendorId", "name"],
        &json!({
            "vendorId": text("As `GET /api/pms/providers` gives it."), "name": text("As it may be said: `Dr Park`."),
            "offered": { "type": "boolean", "default": true, "description": "Whether callers are offered times with them." },
        }),
    );
    object(&["clinicians"], &json!({ "clinicians": list(&one) }))
}

fn kinds() -> Value {
    let one = object(
        &["name", "minutes"],
        &json!({
            "name": text("As staff and callers say it."),
            "minutes": { "type": "integer", "minimum": 5, "maximum": 480 },
            "vendorId": { "type": ["string", "null"], "description": "The system's own code, as `GET /api/pms/appointment-types` gives it." },
            "clinicianKind": { "type": "string", "enum": ["provider", "hygienist"], "description": "With whom it is. Left out: what its name tells." },
        }),
    );
    object(&["appointmentTypes"], &json!({ "appointmentTypes": list(&one) }))
}
