mod admin_routes;
mod authentication;
mod calls;
mod delivery;
mod fake_gateway;
mod violations;

use serde_json::{Map, Value, json};

use self::fake_gateway::FakeGateway;
use super::*;

fn player() -> Player {
    Player::new(PlayerSettings::default()).unwrap()
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// A request for a call of `script` (a name, or steps in TOML) without the wait before the report.
fn request(gateway: &FakeGateway, script: &str, options: Value) -> CallRequest {
    let mut all = map(&json!({ "report_delay_ms": 0, "seed": 1 }));
    let Value::Object(over) = options else { panic!("options are a table") };
    all.extend(over);
    let script = if script.contains('\n') {
        ScriptSource::Toml(format!("caller = \"+15550100010\"\n{script}"))
    } else {
        ScriptSource::Named(script.to_owned())
    };
    CallRequest {
        script,
        gateway_url: Some(gateway.url.clone()),
        auth: None,
        options: all,
        variables: map(&json!({ "accountId": "acct_demo" })),
    }
}

async fn play(gateway: &FakeGateway, script: &str, options: Value) -> Timeline {
    player().play(request(gateway, script, options)).await.unwrap()
}

fn broken(timeline: &Timeline) -> Vec<&'static str> {
    timeline.violations.iter().map(|finding| finding.rule).collect()
}

const SEARCH: &str =
    "[[steps]]\ntool = \"searchPatients\"\narguments = { phone = \"{{caller}}\" }\nsave_as = \"search\"\n";
const HANG: &str = "[[steps]]\nmessage = \"hang\"\n";
