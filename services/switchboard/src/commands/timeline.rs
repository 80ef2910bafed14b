//! The demo as a person reads it.

use serde_json::Value;

use crate::out::Out;

/// Who said what, which tool was called, and in how many milliseconds it was answered.
pub(crate) fn print(timeline: &Value, out: Out) {
    for entry in timeline["entries"].as_array().into_iter().flatten() {
        let at = entry["at_ms"].as_f64().unwrap_or_default() / 1000.0;
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        match entry["kind"].as_str() {
            Some("say") => {
                let who = if text("who") == "agent" { "Agent  " } else { "Patient" };
                out.say(format!("{at:7.2} s  {who}  {}", text("text")));
            }
            Some("tool") => out.say(format!("{at:7.2} s    ──► {}", text("tool"))),
            Some("answer") => {
                let took = entry["took_ms"].as_f64().unwrap_or_default();
                out.say(format!("{at:7.2} s    ◄── {}: {} in {took:.0} ms", text("tool"), text("status")));
            }
            Some("violation") => out.say(format!("{at:7.2} s    !!! {} {}", text("rule"), text("detail"))),
            _ => {}
        }
    }
}
