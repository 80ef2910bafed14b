use serde_json::{Map, Value, json};
use store::Report;

use super::openapi::error;

/// Adds alerts, budgets and reports.
pub(super) fn describe(paths: &mut Map<String, Value>) {
    let mut add = |path: &str, method: &str, mut operation: Value, refusals: &[(&str, &str)]| {
        for (status, text) in refusals.iter().chain(&[("401", "No API key, or one that is not ours.")]) {
            operation["responses"][*status] = error(text);
        }
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[method] = operation;
    };
    let rule = ("422", "A field breaks a rule; `fields` names both.");
    let no_alert = ("404", "There is no such alert.");
    add("/api/pms/alerts", "get", list(), &[rule]);
    let one = operation("getAlert", "One alert: what happened, what to do, and where it was sent.", "200");
    add("/api/pms/alerts/{id}", "get", with(one, "id", &[]), &[no_alert]);
    let close =
        operation("resolveAlert", "Closes an alert. Where its cause is still there, it comes again.", "200");
    add("/api/pms/alerts/{id}/resolve", "post", with(close, "id", &[]), &[no_alert]);
    let places = operation("listAlertDestinations", "Where alerts are sent to.", "200");
    add("/api/pms/alert-destinations", "get", places, &[]);
    add("/api/pms/alert-destinations", "post", destination(), &[rule, ("409", "There are ten already.")]);
    let remove = operation("removeAlertDestination", "Sends no more alerts there.", "200");
    let none = ("404", "There is no such destination.");
    add("/api/pms/alert-destinations/{id}", "delete", with(remove, "id", &[]), &[none]);
    let usage = operation(
        "getUsage",
        "What each practice has used of its requests, this minute and this day (UTC): `requests_used`, `remaining`, \
         `percent`, `window_start`. Exact across replicas.",
        "200",
    );
    add("/api/pms/usage", "get", usage, &[]);
    let names = operation("listReports", "The reports there are.", "200");
    add("/api/pms/reports", "get", names, &[]);
    add("/api/pms/reports/{name}", "get", report(), &[rule, ("404", "There is no such report.")]);
}

fn operation(id: &str, summary: &str, status: &str) -> Value {
    json!({
        "operationId": id, "summary": summary,
        "responses": { status: {
            "description": "Done, or the answer.",
            "content": { "application/json": { "schema": { "type": "object" } } },
        } },
    })
}

fn with(mut operation: Value, path: &str, query: &[Value]) -> Value {
    let mut parameters = query.to_vec();
    if !path.is_empty() {
        let schema = json!({ "type": "string" });
        parameters.insert(0, json!({ "name": path, "in": "path", "required": true, "schema": schema }));
    }
    operation["parameters"] = Value::Array(parameters);
    operation
}

fn query(name: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "required": false, "schema": schema })
}

fn list() -> Value {
    let states = json!({ "type": "string", "enum": ["open", "resolved", "all"], "default": "open" });
    let cursor = json!({ "type": "string", "description": "`nextCursor` of the page before." });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 });
    let parameters = [query("state", &states), query("cursor", &cursor), query("limit", &limit)];
    with(operation("listAlerts", "What somebody should look at, newest first.", "200"), "", &parameters)
}

fn destination() -> Value {
    let mut add = operation(
        "addAlertDestination",
        "Sends alerts there from now on, signed as the Standard Webhooks specification has it. The secret is shown \
         this once.",
        "201",
    );
    add["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": {
        "type": "object", "required": ["name", "url"], "additionalProperties": false,
        "properties": {
            "name": { "type": "string", "minLength": 1, "maxLength": 100 },
            "url": { "type": "string", "format": "uri", "maxLength": 2000,
                "description": "`https`, to a public address. Redirects are not followed." },
        },
    } } } });
    add
}

fn report() -> Value {
    let names = Report::ALL.map(Report::name);
    let since = json!({ "type": "string", "format": "date-time", "description": "A day ago unless said." });
    let mut report =
        with(operation("getReport", "One report on this tenant.", "200"), "name", &[query("since", &since)]);
    report["parameters"][0]["schema"]["enum"] = json!(names);
    report
}
