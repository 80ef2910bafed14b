//! One message of each type, with every field filled.

use bytes::Bytes;
use messages::v1;

pub(crate) fn at(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 250_000_000 })
}

fn window() -> Option<v1::Window> {
    Some(v1::Window { start: at(1_800_000_000), end: at(1_800_001_800) })
}

pub(crate) fn webhook_received() -> v1::WebhookReceived {
    v1::WebhookReceived {
        source: "vapi".into(),
        kind: "status-update".into(),
        dedupe_key: "call-1/ended".into(),
        received_at: at(1_800_000_000),
        body: Bytes::from_static(b"{\"message\":{}}\x00\xff"),
        delivery_id: "01890000-0000-7000-8000-000000000001".into(),
    }
}

pub(crate) fn tool_question() -> v1::ToolQuestion {
    v1::ToolQuestion {
        tenant_id: "ten_1".into(),
        tool: "searchPatients".into(),
        arguments_json: "{\"lastName\":\"Quill\"}".into(),
        call_id: "call-1".into(),
        tool_call_id: "tc-1".into(),
        caller_phone: "+15550100011".into(),
        language: "es".into(),
        practice_id: "prac_1".into(),
        door: String::new(),
    }
}

pub(crate) fn tool_reply() -> v1::ToolReply {
    v1::ToolReply {
        status: "confirmed".into(),
        say: "Señora Quill está confirmada.".into(),
        data_json: "{}".into(),
        code: "ok".into(),
        vendor_ms: 12.5,
    }
}

pub(crate) fn pms_question() -> v1::PmsQuestion {
    let search = v1::PatientSearch {
        first_name: "Nora".into(),
        last_name: "Quill".into(),
        phone: Some(v1::Phone { e164: "+15550100011".into(), as_received: "555-010-0011".into() }),
        born: "1990-02-03".into(),
    };
    v1::PmsQuestion {
        tenant_id: "ten_1".into(),
        connection_id: "conn_1".into(),
        ask: Some(v1::pms_question::Ask::Search(search)),
    }
}

pub(crate) fn pms_reply() -> v1::PmsReply {
    let resource =
        |kind: v1::ResourceKind, id: &str| v1::Resource { kind: kind.into(), vendor_id: id.into() };
    let book = v1::DayBook {
        time_zone: "America/Chicago".into(),
        covers: window(),
        clinicians: vec![v1::Clinician {
            vendor_id: "7".into(),
            spoken_name: "Dr Lee".into(),
            full_name: String::new(),
            kind: v1::ClinicianKind::Hygienist.into(),
            bookable: true,
        }],
        chairs: vec![v1::Chair { vendor_id: "2".into(), clinicians: vec!["7".into()], bookable: true }],
        hours: vec![v1::OpenHours {
            resource: Some(resource(v1::ResourceKind::Practice, "")),
            window: window(),
        }],
        appointments: vec![v1::Appointment {
            vendor_id: "900".into(),
            patient: "201".into(),
            clinician: "7".into(),
            chair: "2".into(),
            window: window(),
            state: v1::AppointmentState::Cancelled.into(),
        }],
        has_feed: true,
        feed: vec![v1::FeedSlot {
            window: window(),
            resources: vec![resource(v1::ResourceKind::Chair, "2")],
        }],
        copied_at: at(1_799_999_000),
        read_at: at(1_800_000_000),
    };
    v1::PmsReply { answer: Some(v1::pms_reply::Answer::DayBook(book)), vendor_ms: 80.25 }
}

pub(crate) fn writeback_requested() -> v1::WritebackRequested {
    v1::WritebackRequested {
        tenant_id: "ten_1".into(),
        connection_id: "conn_1".into(),
        writeback_id: "wb_1".into(),
    }
}

pub(crate) fn writeback_changed() -> v1::WritebackChanged {
    v1::WritebackChanged {
        tenant_id: "ten_1".into(),
        connection_id: "conn_1".into(),
        writeback_id: "wb_1".into(),
        state: "failed".into(),
        reason: "slot_taken".into(),
        at: at(1_800_000_000),
    }
}

pub(crate) fn call_ended() -> v1::CallEnded {
    v1::CallEnded {
        tenant_id: "ten_1".into(),
        call_id: "call-1".into(),
        ended_reason: "customer-ended-call".into(),
    }
}

pub(crate) fn token_refreshed() -> v1::TokenRefreshed {
    v1::TokenRefreshed {
        tenant_id: "ten_1".into(),
        connection_id: "conn_1".into(),
        expires_at: at(1_800_086_400),
    }
}

pub(crate) fn alert_raised() -> v1::AlertRaised {
    v1::AlertRaised {
        tenant_id: "ten_1".into(),
        connection_id: "conn_1".into(),
        code: "reauthorise".into(),
        what_to_do: "Connect it again.".into(),
        ..v1::AlertRaised::default()
    }
}

pub(crate) fn alert_resolved() -> v1::AlertResolved {
    v1::AlertResolved {
        tenant_id: "ten_1".into(),
        connection_id: "conn_1".into(),
        code: "reauthorise".into(),
        alert_id: "alert_1".into(),
        resolved_by: "switchboard".into(),
    }
}

pub(crate) fn setup_question() -> v1::SetupQuestion {
    let connect = v1::OfficeConnect {
        office: "D10001".into(),
        location: "1".into(),
        sealed_secret: vec![4, 1, 9],
        practice_id: "prac_1".into(),
    };
    v1::SetupQuestion {
        tenant_id: "ten_1".into(),
        actor: "api key key_1".into(),
        ask: Some(v1::setup_question::Ask::Connect(connect)),
    }
}

pub(crate) fn setup_reply() -> v1::SetupReply {
    let problem = v1::SetupProblem {
        kind: "access_withdrawn".into(),
        code: "API2003".into(),
        field: "secretKey".into(),
        rule: "must be the office's own".into(),
        retry_after_s: 5,
    };
    v1::SetupReply { answer: Some(v1::setup_reply::Answer::Problem(problem)) }
}

pub(crate) fn connection_changed() -> v1::ConnectionChanged {
    v1::ConnectionChanged { tenant_id: "ten_1".into(), connection_id: "conn_1".into() }
}
