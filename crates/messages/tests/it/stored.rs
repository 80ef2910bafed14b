//! The bytes of every message type and version, as they travelled: `tests/fixtures/<name>.hex`.
//!
//! A file is written once and never changed. A new field needs no new file; a new version does.

use std::collections::BTreeSet;
use std::path::PathBuf;

use messages::{NAMES, Named, Unreadable, v1};

use crate::samples;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn stored(name: &str) -> Vec<u8> {
    let file = folder().join(format!("{name}.hex"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    hex::decode(text.split_whitespace().collect::<String>()).unwrap()
}

/// Fails unless the stored bytes of `sample`'s type read as `sample`.
fn reads_as<M: Named + PartialEq + std::fmt::Debug>(sample: &M) {
    if !folder().join(format!("{}.hex", M::NAME)).exists() {
        panic!("store this as {}.hex:\n{}", M::NAME, hex::encode(sample.to_bytes()));
    }
    let bytes = stored(M::NAME);
    assert!(M::from_bytes(&bytes).unwrap() == *sample, "{} reads otherwise than it was written", M::NAME);
    assert_eq!(M::from_bytes(&sample.to_bytes()).as_ref(), Ok(sample));
    // A field that a later version adds is passed over.
    let later = [bytes.as_slice(), &[0xfa, 0x3f, 3, b'n', b'e', b'w']].concat();
    assert!(M::from_bytes(&later).unwrap() == *sample, "{} stumbles over an unknown field", M::NAME);
}

#[test]
fn stored_bytes_of_every_message_read_as_they_were_meant() {
    reads_as(&samples::webhook_received());
    reads_as(&samples::tool_question());
    reads_as(&samples::tool_reply());
    reads_as(&samples::pms_question());
    reads_as(&samples::pms_reply());
    reads_as(&samples::writeback_requested());
    reads_as(&samples::writeback_changed());
    reads_as(&samples::call_ended());
    reads_as(&samples::token_refreshed());
    reads_as(&samples::alert_raised());
    reads_as(&samples::alert_resolved());
    reads_as(&samples::setup_question());
    reads_as(&samples::setup_reply());
    reads_as(&samples::connection_changed());
}

#[test]
fn every_message_has_its_stored_bytes_and_no_file_is_left_over() {
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let names: BTreeSet<String> = NAMES.iter().map(|name| format!("{name}.hex")).collect();
    assert_eq!(files, names);
    assert_eq!(NAMES.len(), names.len(), "two messages have one name");
}

#[test]
fn bytes_that_are_no_message_are_refused_by_the_messages_name() {
    let error = v1::ToolReply::from_bytes(&[0x0a, 0xff]).unwrap_err();
    assert_eq!(error, Unreadable::Bytes("tool.reply.v1"));
    // Cut anywhere, it is refused or read, and never a panic.
    let whole = stored("pms.reply.v1");
    for length in 0..whole.len() {
        let _ = v1::PmsReply::from_bytes(&whole[..length]);
    }
}

#[test]
fn p8_a_message_about_a_patient_prints_one_fixed_word() {
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        samples::webhook_received(),
        samples::tool_question(),
        samples::tool_reply(),
        samples::pms_question()
    );
    for part in ["Quill", "Nora", "555", "1990", "status-update"] {
        assert!(!shown.contains(part), "{shown}");
    }
    assert!(shown.contains("[patient]"));
    let patients =
        v1::Patients { patients: vec![v1::Patient { last_name: "Quill".into(), ..v1::Patient::default() }] };
    assert_eq!(format!("{patients:?}"), "Patients { patients: [[patient]] }");
}
