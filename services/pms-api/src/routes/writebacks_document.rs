use domain::WritebackState;
use serde_json::{Map, Value, json};
use writebacks::DropOutcome;

use super::openapi::error;

/// Adds what staff and operators may do about writes that went wrong, and their tasks.
pub(super) fn describe(paths: &mut Map<String, Value>) {
    let mut add = |path: &str, method: &str, mut operation: Value, refusals: &[(&str, &str)]| {
        for (status, text) in refusals.iter().chain(&[("401", "No API key, or one that is not ours.")]) {
            operation["responses"][*status] = error(text);
        }
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[method] = operation;
    };
    let rule = ("422", "A field breaks a rule; `fields` names both.");
    let no_write = ("404", "There is no such write.");
    add("/api/pms/writebacks", "get", list(), &[rule]);
    add("/api/pms/writebacks/plan", "post", plan(), &[rule, no_write]);
    add("/api/pms/writebacks/replay", "post", replay(), &[rule, no_write]);
    let no_run = ("404", "There is no such run.");
    add("/api/pms/writebacks/replays/{run}", "get", run(), &[no_run]);
    add(
        "/api/pms/writebacks/replays/{run}/stop",
        "post",
        stop(),
        &[no_run, ("409", "It has come to its end.")],
    );
    let one = operation("getWriteback", "One write: why it is where it is, what to do, and every try.");
    add("/api/pms/writebacks/{id}", "get", with(one, "id", &[]), &[no_write]);
    let over = ("409", "It is under way, done, replayed or dropped before.");
    add("/api/pms/writebacks/{id}/drop", "post", give_up(), &[rule, no_write, over]);
    let not_parked = ("409", "It is not parked, or was replayed, dropped or settled before.");
    add("/api/pms/writebacks/{id}/settle", "post", settle(), &[rule, no_write, not_parked]);
    let tasks = operation(
        "listTasks",
        "What staff have to do, the most pressing first. `wanted` says for whom and what, by what was asked and by what its write was to enter; who may not read patients does not see it, and reading it is audited.",
    );
    let limit = query("limit", &json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 }));
    let cursor = query(
        "cursor",
        &json!({ "type": "string", "format": "uuid", "description": "The `nextCursor` of the page before." }),
    );
    add("/api/pms/tasks", "get", with(tasks, "", &[limit, cursor]), &[rule]);
    let open = (
        "409",
        "Its write is still open, and no `outcome` says what became of it; or it cannot be dropped or settled.",
    );
    add("/api/pms/tasks/{task}/done", "post", end_task(), &[rule, ("404", "There is no such task."), open]);
}

fn operation(id: &str, summary: &str) -> Value {
    json!({
        "operationId": id, "summary": summary,
        "responses": { "200": {
            "description": "Done, or the answer.",
            "content": { "application/json": { "schema": { "type": "object" } } },
        } },
    })
}

/// With a parameter in the path, where it has a name, and those of the query.
fn with(mut operation: Value, path: &str, query: &[Value]) -> Value {
    let mut parameters = query.to_vec();
    if !path.is_empty() {
        parameters.insert(
            0,
            json!({ "name": path, "in": "path", "required": true, "schema": { "type": "string" } }),
        );
    }
    operation["parameters"] = Value::Array(parameters);
    operation
}

fn query(name: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "required": false, "schema": schema })
}

fn body(mut operation: Value, required: &[&str], properties: &Value) -> Value {
    operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": {
        "type": "object", "required": required, "properties": properties, "additionalProperties": false,
    } } } });
    operation
}

/// What writes can be chosen by.
fn filters() -> [(&'static str, Value); 4] {
    let time = |what: &str| json!({ "type": "string", "format": "date-time", "description": what });
    [
        ("practiceId", json!({ "type": "string", "description": "Of this location: `prac_…`." })),
        (
            "reason",
            json!({ "type": "string", "description": "Where they are for this reason: `outcome_unknown`." }),
        ),
        ("since", time("Asked for at this time or later.")),
        ("until", time("Asked for before this time.")),
    ]
}

fn choice() -> Map<String, Value> {
    let mut properties: Map<String, Value> =
        filters().into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    properties.insert(
        "state".to_owned(),
        json!({ "type": "string", "enum": ["failed", "parked"], "description": "Only those; both unless said." }),
    );
    properties.insert(
        "ids".to_owned(),
        json!({ "type": "array", "items": { "type": "string" }, "description": "These: `wb_…`. None: all that fit." }),
    );
    properties
}

fn list() -> Value {
    let states = WritebackState::ALL.map(WritebackState::as_str);
    let mut parameters: Vec<Value> = filters().iter().map(|(name, schema)| query(name, schema)).collect();
    parameters.extend([
        query("state", &json!({ "type": "string", "enum": states })),
        query(
            "all",
            &json!({ "type": "boolean", "description": "Also those that were replayed or dropped." }),
        ),
        query("cursor", &json!({ "type": "string", "description": "`nextCursor` of the page before." })),
        query("limit", &json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 })),
    ]);
    with(operation("listWritebacks", "Writes to the practices' systems, oldest first."), "", &parameters)
}

fn plan() -> Value {
    let summary = "Sorts failed and parked writes by what would become of a replay: safe, already_applied, stale, \
                   conflicting, not_known, not_open. The practices' systems are asked; nothing is changed.";
    let mut properties = choice();
    properties.insert(
        "cursor".to_owned(),
        json!({ "type": "string", "description": "`nextCursor` of the page before: a plan has 1,000 writes at most." }),
    );
    body(operation("planReplay", summary), &[], &Value::Object(properties))
}

fn replay() -> Value {
    let mut properties = choice();
    let whole = |what: &str| json!({ "type": "integer", "minimum": 1, "description": what });
    properties.insert(
        "all".to_owned(),
        json!({ "type": "boolean", "description": "Needed where no ids are given: all that fit." }),
    );
    properties.insert("perMinute".to_owned(), whole("How many a minute; 60 unless said."));
    properties.insert(
        "stopAfter".to_owned(),
        whole("Ends the run once so many were refused, failed or were parked again; no more than that are under way at once."),
    );
    let summary = "Tries failed and parked writes again, each as a new write that names its original. What may have \
                   been taken is looked for before anything is sent.";
    let mut replay = body(operation("replayWritebacks", summary), &[], &Value::Object(properties));
    if let Some(responses) = replay["responses"].as_object_mut()
        && let Some(accepted) = responses.remove("200")
    {
        responses.insert("202".to_owned(), accepted);
    }
    replay
}

fn run() -> Value {
    with(operation("getReplayRun", "How a run of replays stands, write by write."), "run", &[])
}

fn stop() -> Value {
    let summary =
        "Ends a run of replays: what had its turn goes its own way, and `notTried` says how many had none.";
    with(operation("stopReplayRun", summary), "run", &[])
}

fn give_up() -> Value {
    let summary = "Gives a queued, failed or parked write up. Of what is not wanted the time is free at once; of what \
                   was entered by hand it stays busy until a newer copy of the practice's calendar was read.";
    body(with(operation("dropWriteback", summary), "id", &[]), &["reason", "outcome"], &drop_fields())
}

fn settle() -> Value {
    let summary = "Ends a parked write as staff found it in the practice's own system. One of the two fields is needed. \
                   What waits for a new patient that is there goes on.";
    let fields = json!({
        "landed": landed(),
        "notThere": { "type": "boolean", "description": "It is not there and no longer wanted: its time is free again." },
    });
    body(with(operation("settleWriteback", summary), "id", &[]), &[], &fields)
}

fn landed() -> Value {
    let what =
        "It is there: the id that the practice's system has for the appointment, patient, note or payment.";
    json!({ "type": "string", "minLength": 1, "maxLength": 100, "description": what })
}

/// As what, and why, a write is given up.
fn drop_fields() -> Value {
    json!({
        "outcome": { "type": "string", "enum": DropOutcome::ALL.map(DropOutcome::as_str) },
        "reason": { "type": "string", "minLength": 1, "maxLength": 500 },
    })
}

fn end_task() -> Value {
    let summary = "Somebody has done it. Where its write may still be sent, `outcome` is needed, which drops the write, \
                   or `landed`, which settles it as found there.";
    let mut fields = drop_fields();
    fields["landed"] = landed();
    let mut operation = body(with(operation("endTask", summary), "task", &[]), &[], &fields);
    operation["requestBody"]["required"] = json!(false);
    operation
}
