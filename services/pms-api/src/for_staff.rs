//! The task that a use of a tool leaves when it ended with "the staff will help you".

use domain::WritebackId;
use jiff::Timestamp;
use seal::HmacKey;
use serde_json::{Map, Value, json};
use store::{NewTask, StoreError, TenantTx, ToolCallKey};
use writebacks::CALLER_NOT_TOLD;

use crate::run_tool::Told;

/// What somebody wanted, by the tool.
fn wish(tool: &str) -> &'static str {
    match tool {
        "searchPatients" => "be found in your records",
        "getPatientInfo" => "hear what their record says",
        "createPatient" => "be registered",
        "updatePatient" => "have their phone, e-mail or address changed",
        "checkAvailability" => "find a free time",
        "bookAppointment" => "book an appointment",
        "getAppointments" => "hear about their appointments",
        "rescheduleAppointment" => "move an appointment",
        "cancelAppointment" => "cancel an appointment",
        "addPatientNote" => "leave a note",
        "getPatientBalance" => "hear what is open on their account",
        "getPatientInsurance" => "hear about their insurance",
        "processPayment" => "have a payment put on their account",
        _ => "be helped",
    }
}

/// Why they could not have it, and what to do, by the answer's code.
fn why(code: &str, kept: bool) -> (&'static str, &'static str) {
    const CALL: &str = "Do it in your own system: the task says for whom, and what they want. Call them back where they have to \
                        know.";
    match code {
        "cannot_here" => ("Your system does not let that be done from outside.", CALL),
        "payment_not_announced" => (
            "Your payment service has not told of such a payment.",
            "Check whether this payment arrived: the task says for whom, how much and under which number. If it did, \
             put it on the account in your own system.",
        ),
        "identity_locked" => (
            "They gave too many wrong names or dates of birth, so no record was opened.",
            "Make sure who they are before you tell them anything.",
        ),
        "identity_without_call" => (
            "The agent did not say which call it was, so nobody could make sure who they are.",
            "Give the agent its tools as function tools, which name their call, and call the patient back.",
        ),
        "appointment_unclear" => (
            "Your system says something of that appointment that cannot be read from outside.",
            "See whether it stands, do it in your own system, and call them back.",
        ),
        "change_waits" => (
            "An earlier change of that appointment is still on its way to your system.",
            "The task says which request waits. Drop it as not wanted, or see that it is entered; then do what they \
             want now in your own system, and call them back.",
        ),
        "change_with_staff" => (
            "An earlier change of that appointment was left to you, or was entered by hand.",
            "The task says which request. See what became of it; then do what they want now in your own system, and call \
             them back.",
        ),
        "request_under_way" => (
            "It is about an earlier request, which may be in your system by now.",
            "The task says which request. Is it in your calendar: do what they want now there. Is it not, and waits: \
             drop it as not wanted. Then call them back.",
        ),
        "practice_unclear" => (
            "You have several locations, and the agent did not say for which one it asked.",
            "Give each phone number or agent its location, and call them back.",
        ),
        "no_integration" => (
            "None of your systems is connected for the clinic that was called.",
            "Connect your system, and call them back.",
        ),
        "patient_similar" => (
            "Somebody with nearly the same name and the same date of birth is in your records.",
            "Find out whether they are the same person; if not, register them.",
        ),
        "not_connected" => (
            "Your system is not connected, or has not been read for the first time.",
            "Connect it again, and call them back.",
        ),
        "calendar_too_old" | "appointments_too_old" => (
            "What is known of your calendar is too old to go by.",
            "See that your server is on and sends its data, and call them back.",
        ),
        "practice_offline" => {
            ("Your server could not be reached.", "See that your server is on, and call them back.")
        }
        _ if kept && code.ends_with("_offline") => (
            "Your server could not be reached; the request is kept and is sent when it can be.",
            "See that your server is on. If it cannot wait: enter it by hand and drop the request as entered by hand.",
        ),
        "payment_with_clinic" => (
            "It was asked for before, and was left to you then or cannot be read any more.",
            "Look whether it is on their account. Do not enter it twice.",
        ),
        "patient_not_complete" => (
            "A new patient was to be entered, and nobody knows whether they were.",
            "Look for them in your own system before you enter them, and call them back.",
        ),
        _ => ("It could not be entered in your system.", CALL),
    }
}

/// Leaves a task for the front desk when an answer has said that staff will help: one for each use of a tool, and
/// none where the write it is about has one. Of what a caller was told that it cannot be, and may ask for otherwise,
/// the task ends that the write left when it failed.
pub(crate) async fn leave_task(
    tx: &mut TenantTx,
    connection: domain::ConnectionId,
    tool: &str,
    key: &ToolCallKey,
    told: &Told,
    (wanted, mark): (Option<&Map<String, Value>>, Option<&HmacKey>),
) -> Result<(), StoreError> {
    let writeback = writeback(&told.data);
    if told.status == "refused"
        && let Some(id) = writeback
    {
        return tx.end_tasks_about(id, "switchboard").await;
    }
    if told.status == "confirmed"
        && let Some(id) = writeback
    {
        // Whoever was to hear of it has heard.
        return tx.end_tasks_of(id, CALLER_NOT_TOLD, "switchboard").await;
    }
    if told.status != "needs_staff" {
        return Ok(());
    }
    let (because, next_action) = why(&told.code, writeback.is_some());
    let reason = Reason { code: &told.code, because, next_action };
    let once = match (told.code.as_str(), mark) {
        // Whoever has had their guesses wants nothing new by asking on.
        ("identity_locked", _) => Some(told.code.clone()),
        // Without a call nothing tells a repeat from a second wish but what is wanted, on one day.
        ("identity_without_call", Some(mark)) => {
            let (day, wish) = (Timestamp::now().strftime("%F").to_string(), json!(wanted).to_string());
            let parts = [connection.to_string(), tool.to_owned(), day, wish].map(String::into_bytes);
            let parts = parts.each_ref().map(Vec::as_slice);
            Some(format!("{} {}", told.code, seal::sha256_hex(&mark.sign(&parts))))
        }
        _ => None,
    };
    let once = once.map(|tool_call_id| ToolCallKey { call_id: key.call_id.clone(), tool_call_id });
    let key = once.as_ref().unwrap_or(key);
    leave(tx, Some(connection), tool, key, &reason, (writeback, wanted)).await
}

/// The same where there is no system to ask, or nobody knows which: whoever wanted something was told that staff will
/// help.
pub(crate) async fn leave_task_unconnected(
    tx: &mut TenantTx,
    tool: &str,
    key: &ToolCallKey,
    code: &str,
    wanted: &Map<String, Value>,
) -> Result<(), StoreError> {
    let (because, next_action) = why(code, false);
    leave(tx, None, tool, key, &Reason { code, because, next_action }, (None, Some(wanted))).await
}

struct Reason<'a> {
    code: &'a str,
    because: &'static str,
    next_action: &'static str,
}

async fn leave(
    tx: &mut TenantTx,
    connection: Option<domain::ConnectionId>,
    tool: &str,
    key: &ToolCallKey,
    reason: &Reason<'_>,
    (writeback, wanted): (Option<WritebackId>, Option<&Map<String, Value>>),
) -> Result<(), StoreError> {
    let wanted = wanted.filter(|wanted| !wanted.is_empty()).map(|wanted| json!(wanted).to_string());
    let wanted = wanted.as_ref().map(String::as_bytes);
    if let Some(id) = writeback
        && tx.has_task_about(id).await?
    {
        return tx.note_call(id, key, wanted).await;
    }
    let sentence = format!("Somebody wanted to {}. {}", wish(tool), reason.because);
    let task = NewTask {
        connection,
        writeback,
        code: reason.code,
        sentence: &sentence,
        next_action: reason.next_action,
        due_at: None,
        tool_call: Some(key),
    };
    match wanted {
        Some(wanted) => tx.add_task_wanting(&task, wanted).await?,
        None => tx.add_task(&task).await?,
    };
    Ok(())
}

fn writeback(data: &Map<String, Value>) -> Option<WritebackId> {
    data.get("writebackId").and_then(Value::as_str).and_then(|id| id.parse().ok())
}

#[cfg(test)]
mod tests {
    use reception::Status;

    use super::*;

    #[test]
    fn every_answer_that_needs_staff_says_what_was_wanted_why_not_and_what_to_do() {
        let mut seen = 0;
        for tool in reception::tools() {
            for template in tool.sentences.iter().filter(|one| one.status == Status::NeedsStaff) {
                for kept in [true, false] {
                    let (because, next_action) = why(template.code, kept);
                    assert!(because.ends_with('.') && next_action.ends_with('.'), "{}", template.code);
                    assert!(kept || !because.contains("kept"), "{}", template.code);
                }
                seen += 1;
            }
            let lists = tool.name.starts_with("list");
            assert_eq!(wish(tool.name) == "be helped", lists, "{}", tool.name);
        }
        assert!(seen > 40, "{seen}");
    }
}
