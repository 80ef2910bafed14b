//! What the OpenAPI document says about sign-in, keys and people.

use domain::{Permission, Role};
use serde_json::{Map, Value, json};

use super::openapi::error;
use crate::permissions::{Listed, Needs, listed};

/// Adds the operations.
pub(super) fn describe(paths: &mut Map<String, Value>) {
    let text = |most: u16| json!({ "type": "string", "minLength": 1, "maxLength": most });
    let scopes = json!({
        "type": "array", "minItems": 1,
        "items": { "type": "string", "enum": Permission::ALL.map(Permission::as_str) },
    });
    let key = json!({
        "type": "object", "required": ["name", "scopes"], "additionalProperties": false,
        "properties": {
            "name": text(100), "scopes": scopes, "expiresAt": { "type": "string", "format": "date-time" },
        },
    });
    let member = json!({
        "type": "object", "required": ["subject", "name", "role"], "additionalProperties": false,
        "properties": {
            "subject": text(256), "name": text(256),
            "role": { "type": "string", "enum": Role::ALL.map(Role::as_str) },
        },
    });
    let rule = ("422", "A field breaks a rule; `fields` names both.");
    let all = parameter("all", "query", &json!({ "type": "boolean" }));
    let mut add = |path: &str, method: &str, operation: Value| {
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[method] = operation;
    };
    add("/api/pms/me", "get", operation("getMe", "Who asks, and what they may do.", &[], &[]));
    let keys = "The tenant's API keys; the keys themselves are shown nowhere.";
    add("/api/pms/api-keys", "get", operation("listApiKeys", keys, &[all], &[rule]));
    let fresh = "A new API key, shown this once. It may do no more than who makes it.";
    add("/api/pms/api-keys", "post", with_body(operation("createApiKey", fresh, &[], &[rule]), &key, "201"));
    let id = parameter("key", "path", &json!({ "type": "string" }));
    let none = ("404", "There is no such key.");
    add(
        "/api/pms/api-keys/{key}",
        "delete",
        operation("revokeApiKey", "It opens nothing any more.", &[id], &[none]),
    );
    add("/api/pms/members", "get", operation("listMembers", "The tenant's people.", &[], &[]));
    let put = "Takes somebody in whom the issuer knows, or changes what they are: neither to nor from a role that may do \
               more than the caller.";
    let last = ("409", "It would leave the tenant without an owner, or there is no issuer.");
    add(
        "/api/pms/members",
        "put",
        with_body(operation("putMember", put, &[], &[rule, last]), &member, "200"),
    );
    let id = parameter("user", "path", &json!({ "type": "string" }));
    let none = ("404", "There is no such member.");
    let gone = "They no longer belong to the tenant. The caller may do all that they may.";
    add("/api/pms/members/{user}", "delete", operation("removeMember", gone, &[id], &[none, last]));
    let cursor = parameter("cursor", "query", &json!({ "type": "integer" }));
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 });
    let limit = parameter("limit", "query", &limit);
    let records = "Who did what, oldest first: every access to patients' data, every refusal.";
    add("/api/pms/audit", "get", operation("listAudit", records, &[cursor, limit], &[rule]));
}

/// How callers prove who they are.
pub(super) fn schemes() -> Value {
    json!({
        "apiKey": { "type": "http", "scheme": "bearer", "description": "An API key: `swb_…`." },
        "oidc": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "A token of the configured OpenID Connect issuer, signed by RS256. Who belongs to several \
                            tenants names one in `X-Switchboard-Tenant`; without it, it is the one they came to first.",
        },
    })
}

/// Writes into each operation which permission it needs, from the one table.
pub(super) fn add_permissions(paths: &mut Map<String, Value>) {
    for (path, methods) in paths.iter_mut() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            match listed(&method.to_uppercase(), path) {
                Listed::Needs(Needs::Permission(permission)) => {
                    operation["x-permission"] = json!(permission.as_str());
                    operation["responses"]["403"] = error("The permission is missing; the message names it.");
                }
                Listed::Needs(Needs::Nothing) => operation["security"] = json!([]),
                _ => {}
            }
        }
    }
}

fn operation(id: &str, summary: &str, parameters: &[Value], refusals: &[(&str, &str)]) -> Value {
    let mut operation = json!({
        "operationId": id, "summary": summary, "parameters": parameters,
        "responses": {
            "200": answer("Done, or the answer."),
            "401": error("No credentials, or none that are good here."),
        },
    });
    for (status, text) in refusals {
        operation["responses"][*status] = error(text);
    }
    operation
}

fn answer(text: &str) -> Value {
    json!({ "description": text, "content": { "application/json": { "schema": { "type": "object" } } } })
}

fn with_body(mut operation: Value, schema: &Value, success: &str) -> Value {
    operation["requestBody"] =
        json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    if success != "200"
        && let Some(responses) = operation["responses"].as_object_mut()
        && let Some(done) = responses.remove("200")
    {
        responses.insert(success.to_owned(), done);
    }
    operation
}

fn parameter(name: &str, place: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": place, "required": place == "path", "schema": schema })
}
