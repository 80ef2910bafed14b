use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::options::{Shape, ToolList};

/// A tool call on its way out.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) id: String,
    pub(super) tool: String,
    /// The model's arguments with the static parameters laid over them.
    pub(super) arguments: Map<String, Value>,
}

/// Lays static parameters over the model's arguments: they win, and the model never sees them.
pub(super) fn merged(mut model: Map<String, Value>, fixed: &BTreeMap<String, String>) -> Map<String, Value> {
    for (key, value) in fixed {
        model.insert(key.clone(), Value::String(value.clone()));
    }
    model
}

/// The fields of a tool-calls message.
pub(super) fn tool_calls(
    calls: &[Asked],
    fixed: &BTreeMap<String, String>,
    shape: Shape,
    lists: &[ToolList],
) -> Map<String, Value> {
    let plain: Vec<Value> = calls.iter().map(|call| entry(call, shape)).collect();
    let mut fields = Map::new();
    for list in lists {
        let (name, value) = match list {
            ToolList::ToolCallList => ("toolCallList", plain.clone()),
            ToolList::ToolCalls => ("toolCalls", plain.clone()),
            ToolList::ToolWithToolCallList => {
                let both = calls.iter().map(|call| with_definition(call, fixed, shape)).collect();
                ("toolWithToolCallList", both)
            }
        };
        fields.insert(name.to_owned(), Value::Array(value));
    }
    fields
}

fn entry(call: &Asked, shape: Shape) -> Value {
    let arguments = Value::Object(call.arguments.clone());
    match shape {
        Shape::ObjectArguments | Shape::Rotate => json!({
            "id": call.id, "type": "function", "function": { "name": call.tool, "arguments": arguments },
        }),
        Shape::StringArguments => json!({
            "id": call.id, "type": "function",
            "function": { "name": call.tool, "arguments": arguments.to_string() },
        }),
        Shape::FlatArguments => json!({ "id": call.id, "name": call.tool, "arguments": arguments }),
        Shape::FlatParameters => json!({ "id": call.id, "name": call.tool, "parameters": arguments }),
    }
}

/// The flat forms are the documentation's: there the definition's fields sit on the entry, and the call inside it
/// differs from the one in `toolCallList`.
fn with_definition(call: &Asked, fixed: &BTreeMap<String, String>, shape: Shape) -> Value {
    let arguments = Value::Object(call.arguments.clone());
    let properties: Map<String, Value> = call
        .arguments
        .keys()
        .filter(|key| !fixed.contains_key(*key))
        .map(|key| (key.clone(), json!({ "type": "string" })))
        .collect();
    let schema = json!({ "type": "object", "properties": properties });
    match shape {
        Shape::FlatArguments => json!({
            "type": "function",
            "name": call.tool,
            "parameters": schema,
            "toolCall": {
                "id": call.id, "type": "function",
                "function": { "name": call.tool, "parameters": arguments },
            },
        }),
        Shape::FlatParameters => json!({
            "name": call.tool,
            "toolCall": { "id": call.id, "parameters": arguments },
        }),
        _ => {
            let fixed: Vec<Value> =
                fixed.keys().map(|key| json!({ "key": key, "value": format!("{{{{ {key} }}}}") })).collect();
            json!({
                "type": "function",
                "function": { "name": call.tool, "description": call.tool, "parameters": schema },
                "parameters": fixed,
                "async": false,
                "messages": [],
                "toolCall": entry(call, shape),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(shape: Shape, lists: &[ToolList]) -> Value {
        let fixed = BTreeMap::from([("accountId".to_owned(), "acct".to_owned())]);
        let model = json!({"phone": "+15550100010", "accountId": "invented"}).as_object().unwrap().clone();
        let call = Asked {
            id: "call_1".to_owned(),
            tool: "searchPatients".to_owned(),
            arguments: merged(model, &fixed),
        };
        Value::Object(tool_calls(&[call], &fixed, shape, lists))
    }

    const ALL: [ToolList; 3] = [ToolList::ToolCallList, ToolList::ToolCalls, ToolList::ToolWithToolCallList];

    #[test]
    fn object_and_string_arguments_sit_under_function() {
        let object = fields(Shape::ObjectArguments, &ALL);
        assert_eq!(object["toolCallList"][0]["function"]["arguments"]["phone"], "+15550100010");
        assert_eq!(object["toolCalls"], object["toolCallList"]);
        let string = fields(Shape::StringArguments, &ALL);
        let text = string["toolCallList"][0]["function"]["arguments"].as_str().unwrap();
        let decoded: Value = serde_json::from_str(text).unwrap();
        assert_eq!(decoded["phone"], "+15550100010");
        assert_eq!(string["toolWithToolCallList"][0]["toolCall"], string["toolCallList"][0]);
    }

    #[test]
    fn the_flat_forms_have_arguments_or_parameters_beside_the_name() {
        let arguments = fields(Shape::FlatArguments, &ALL);
        assert_eq!(arguments["toolCallList"][0]["name"], "searchPatients");
        assert_eq!(arguments["toolCallList"][0]["arguments"]["phone"], "+15550100010");
        let parameters = fields(Shape::FlatParameters, &ALL);
        assert_eq!(parameters["toolCallList"][0]["parameters"]["phone"], "+15550100010");
        assert_eq!(parameters["toolWithToolCallList"][0]["name"], "searchPatients");
        assert!(parameters["toolWithToolCallList"][0]["toolCall"].get("name").is_none());
    }

    #[test]
    fn static_parameters_win_and_are_not_in_the_models_schema() {
        let object = fields(Shape::ObjectArguments, &ALL);
        assert_eq!(object["toolCallList"][0]["function"]["arguments"]["accountId"], "acct");
        let definition = &object["toolWithToolCallList"][0];
        assert!(definition["function"]["parameters"]["properties"].get("accountId").is_none());
        assert_eq!(definition["parameters"][0]["key"], "accountId");
    }

    #[test]
    fn only_the_lists_asked_for_are_there() {
        let fields = fields(Shape::ObjectArguments, &[ToolList::ToolWithToolCallList]);
        assert_eq!(fields.as_object().unwrap().keys().collect::<Vec<_>>(), ["toolWithToolCallList"]);
    }
}
