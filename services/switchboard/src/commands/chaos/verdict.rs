//! Holds what callers were told, what our rows say and what the practices hold against each other.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{WritebackId, WritebackState as S};
use serde_json::Value;

use super::calls::Told;
use super::notices::Sent;
use super::records::{Appointment, Machinery, Office, Patient, Row, Wanted};

/// What a run came to. Every finding is a sentence; none is what is hoped for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Bookings that a caller was told of, by the id of their write.
    pub(super) bookings: BTreeSet<String>,
    /// The same for patients.
    pub(super) patients: BTreeSet<String>,
    /// Appointments of ours that the practices hold.
    pub(super) booked: usize,
    /// Patients of ours that the practices hold.
    pub(super) registered: usize,
    /// Taken, and nowhere to be found.
    pub(super) lost: Vec<String>,
    /// There more than once.
    pub(super) doubled: Vec<String>,
    /// Said, and not so.
    pub(super) untrue: Vec<String>,
    /// Left over.
    pub(super) unaccounted: Vec<String>,
}

impl Verdict {
    pub(super) const fn is_clean(&self) -> bool {
        self.lost.is_empty()
            && self.doubled.is_empty()
            && self.untrue.is_empty()
            && self.unaccounted.is_empty()
    }

    /// Every finding with what it is.
    pub(super) fn findings(&self) -> impl Iterator<Item = String> {
        let kinds = [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("untrue", &self.untrue),
            ("unaccounted", &self.unaccounted),
        ];
        kinds.into_iter().flat_map(|(kind, all)| all.iter().map(move |one| format!("{kind}: {one}")))
    }

    /// The webhooks answered 2xx against the ledger.
    pub(super) fn hold_webhooks(&mut self, sent: &Sent, machinery: &Machinery) {
        for (name, accepted) in &sent.accepted {
            let kept = machinery.deliveries.get(name).copied().unwrap_or_default();
            if kept < *accepted {
                self.lost.push(format!(
                    "event {name}: {accepted} deliveries were taken, {kept} are in the ledger"
                ));
            }
        }
        let ledger = &machinery.ledger;
        if ledger.outstanding() > 0 {
            let outstanding = ledger.outstanding();
            self.lost.push(format!("the gateways took {outstanding} messages more than were received"));
        }
        if ledger.pending > 0 {
            self.unaccounted.push(format!("webhooks were received and not dealt with: {ledger:?}"));
        }
        if machinery.parked > 0 {
            self.unaccounted.push(format!("{} messages are set aside", machinery.parked));
        }
        if machinery.outbox > 0 {
            self.unaccounted.push(format!("{} messages wait in the outbox", machinery.outbox));
        }
        self.unaccounted.extend(machinery.broken_chains.iter().cloned());
    }

    /// One practice: its records against our rows, and both against what its callers were told.
    pub(super) fn hold_office(&mut self, office: &Office, told: &[Told]) {
        let found = Found::in_records(office);
        self.booked += found.ours.len();
        self.registered += found.patients.len();
        self.records_alone(office, &found);
        for row in &office.rows {
            self.row(office, row, found.of(row));
        }
        let mut slots: BTreeMap<(i64, String), Vec<&Told>> = BTreeMap::new();
        for one in told.iter().filter(|one| one.account_id.as_deref() == Some(office.tenant.as_str())) {
            self.told(office, &found, one);
            if let Some(slot) = slot(one) {
                slots.entry(slot).or_default().push(one);
            }
        }
        self.silent_refusals(office, &found, &slots);
    }

    fn records_alone(&mut self, office: &Office, found: &Found<'_>) {
        let name = &office.office;
        for (index, one) in found.ours.iter().enumerate() {
            let number = one.appointment_sr_no;
            match one.reference() {
                Some(reference) if office.rows.iter().any(|row| row.reference == reference) => {}
                _ => self.unaccounted.push(format!("{name}: no write of ours made appointment {number}")),
            }
            let standing = office.after.appointments.iter().filter(|other| {
                other.status == one.status && !found.ours.iter().take(index + 1).any(|seen| seen == other)
            });
            for other in standing.filter(|other| one.collides(other)) {
                let other = other.appointment_sr_no;
                self.doubled.push(format!("{name}: appointments {number} and {other} are at the same time"));
            }
        }
        let mut persons: BTreeMap<String, u32> = BTreeMap::new();
        for patient in &found.patients {
            *persons.entry(patient.person()).or_default() += 1;
            let wanted = Wanted::Patient { person: patient.person() };
            if !office.rows.iter().any(|row| row.wanted.as_ref() == Some(&wanted)) {
                self.unaccounted
                    .push(format!("{name}: no write of ours made patient {}", patient.patient_id));
            }
        }
        let doubled = persons.into_values().filter(|count| *count > 1).count();
        self.doubled.extend((0..doubled).map(|_| format!("{name}: a patient was made more than once")));
    }

    fn row(&mut self, office: &Office, row: &Row, there: usize) {
        let (name, id, state) = (&office.office, row.id, row.state);
        match (state, there) {
            (_, 2..) => self.doubled.push(format!("{name}: {id} ({state}) is there {there} times")),
            (S::Succeeded, 0) => self.lost.push(format!("{name}: {id} succeeded and is not there")),
            (S::Failed, 1) => {
                self.unaccounted.push(format!("{name}: {id} failed ({}) and is there", row.reason));
            }
            (S::Succeeded | S::Failed | S::Parked, _) => {}
            _ => self.unaccounted.push(format!("{name}: {id} is still {state} ({})", row.reason)),
        }
    }

    /// What one caller was told about one use of a tool.
    fn told(&mut self, office: &Office, found: &Found<'_>, told: &Told) {
        let (name, call, tool) = (&office.office, &told.call_id, &told.tool);
        let mut writes: BTreeSet<&str> = BTreeSet::new();
        let mut sides = [false; 2];
        for answer in &told.answers {
            let said = Said::read(answer);
            let write = answer["writebackId"].as_str();
            writes.extend(write);
            sides[0] |= said == Said::Refused;
            sides[1] |= matches!(said, Said::Confirmed | Said::Taken) && write.is_some();
            let Some(write) = write else {
                if said == Said::Confirmed && !found.is_known(told, answer) {
                    self.untrue
                        .push(format!("{name}: {call} was told that it is there ({tool}), and it is not"));
                }
                continue;
            };
            if said != Said::Refused {
                let accepted = if tool == "createPatient" { &mut self.patients } else { &mut self.bookings };
                accepted.insert(write.to_owned());
            }
            self.write_told(office, found, told, said, write);
        }
        if writes.len() > 1 {
            let count = writes.len();
            self.doubled
                .push(format!("{name}: {tool} {} in {call} became {count} writes", told.tool_call_id));
        }
        if sides == [true, true] {
            let id = &told.tool_call_id;
            self.untrue.push(format!("{name}: {call} was told both yes and no by {tool} {id}"));
        }
    }

    fn write_told(&mut self, office: &Office, found: &Found<'_>, told: &Told, said: Said, write: &str) {
        let (name, call) = (&office.office, &told.call_id);
        let id = write.parse::<WritebackId>().ok();
        let Some(row) = office.rows.iter().find(|row| Some(row.id) == id) else {
            self.lost.push(format!("{name}: {call} was told of {write}, and there is no such row"));
            return;
        };
        let (there, state) = (found.of(row), row.state);
        match said {
            Said::Confirmed if there == 0 => {
                self.untrue.push(format!(
                    "{name}: {call} was told that {write} is done; it is {state} and not there"
                ));
            }
            Said::Refused if there > 0 => {
                self.untrue
                    .push(format!("{name}: {call} was told that {write} failed; it is {state} and there"));
            }
            _ => {}
        }
    }

    /// A caller who was told no without a word of a write, though the time they wanted became theirs
    /// and nobody else of ours was told of it.
    fn silent_refusals(
        &mut self,
        office: &Office,
        found: &Found<'_>,
        slots: &BTreeMap<(i64, String), Vec<&Told>>,
    ) {
        for row in &office.rows {
            let Some(Wanted::Appointment { start, clinician }) = &row.wanted else { continue };
            let Some(asked) = slots.get(&(*start, clinician.clone())) else { continue };
            let named =
                |one: &Told| one.answers.iter().any(|answer| answer["writebackId"] == row.id.to_string());
            let open = |one: &Told| {
                one.answers.is_empty() || one.answers.iter().any(|answer| Said::read(answer) == Said::Open)
            };
            if found.of(row) == 0 || asked.iter().any(|one| named(one) || open(one)) {
                continue;
            }
            let calls: Vec<&str> = asked.iter().map(|one| one.call_id.as_str()).collect();
            self.untrue.push(format!(
                "{}: {} is there, and whoever asked for it was told no: {}",
                office.office,
                row.id,
                calls.join(", ")
            ));
        }
    }
}

/// What the run added to a practice's records.
struct Found<'a> {
    ours: Vec<&'a Appointment>,
    patients: Vec<&'a Patient>,
    office: &'a Office,
}

impl<'a> Found<'a> {
    fn in_records(office: &'a Office) -> Self {
        let (appointments, patients) = &office.before;
        Self {
            ours: office
                .after
                .appointments
                .iter()
                .filter(|one| !appointments.contains(&one.appointment_sr_no))
                .collect(),
            patients: office
                .after
                .patients
                .iter()
                .filter(|one| !patients.contains(&one.patient_id))
                .collect(),
            office,
        }
    }

    /// How often what a row wanted is there.
    fn of(&self, row: &Row) -> usize {
        match &row.wanted {
            Some(Wanted::Patient { person }) => {
                self.patients.iter().filter(|patient| patient.person() == *person).count()
            }
            _ => self.ours.iter().filter(|one| one.reference() == Some(row.reference.as_str())).count(),
        }
    }

    /// Whether what a caller was told of without a write is in the records: their appointment at that
    /// time, or their own entry.
    fn is_known(&self, told: &Told, answer: &Value) -> bool {
        if told.tool == "createPatient" {
            let id = answer["patientId"].as_str().unwrap_or_default();
            return self.office.after.patients.iter().any(|patient| patient.patient_id.to_string() == id);
        }
        let asked = told.arguments["patientId"].as_str().unwrap_or_default();
        let made = self.office.rows.iter().find(|row| row.id.to_string() == asked);
        let patient = made.and_then(|row| row.created.as_deref()).unwrap_or(asked);
        let start = answer["start"].as_str().unwrap_or_default();
        self.office.after.appointments.iter().any(|one| {
            let at = format!("{}T{}", one.date, one.time.get(..5).unwrap_or_default());
            start.starts_with(&at) && one.patient_id.to_string() == patient
        })
    }
}

/// What an answer says about the thing asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// It is done.
    Confirmed,
    /// It is recorded.
    Taken,
    /// It is not done and will not be.
    Refused,
    /// Neither.
    Open,
}

impl Said {
    fn read(answer: &Value) -> Self {
        let say = answer["say"].as_str().unwrap_or_default();
        let no =
            ["Nothing has been changed", "can't do that just now", "couldn't complete", "didn't go through"];
        match answer["status"].as_str().unwrap_or_default() {
            "confirmed" => Self::Confirmed,
            _ if no.iter().any(|part| say.contains(part)) => Self::Refused,
            "refused" => Self::Refused,
            "accepted" | "unknown" | "needs_staff" if answer["writebackId"].is_string() => Self::Taken,
            _ => Self::Open,
        }
    }
}

/// The start and the clinician that a booking asked for: a slot's id carries them, behind a seal that
/// is none of our business here.
fn slot(told: &Told) -> Option<(i64, String)> {
    let id = told.arguments["slotId"].as_str()?.strip_prefix("slot_")?;
    let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
    let text = std::str::from_utf8(bytes.get(..bytes.len().checked_sub(8)?)?).ok()?;
    let mut parts = text.split('\u{1f}').skip(1);
    let start = parts.next()?.parse().ok()?;
    Some((start, parts.nth(1)?.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::commands::chaos::records::Records;

    const START: i64 = 1_795_000_000;

    fn row(state: S) -> Row {
        let id = WritebackId::new();
        let wanted = Some(Wanted::Appointment { start: START, clinician: "DR1".to_owned() });
        Row { id, reference: "ABCDEFGH".to_owned(), state, reason: String::new(), created: None, wanted }
    }

    fn appointment(number: u64, chair: &str) -> Appointment {
        Appointment {
            appointment_sr_no: number,
            patient_id: 101,
            provider_id: format!("with {chair}"),
            operatory: chair.to_owned(),
            date: "2026-11-24".to_owned(),
            time: "09:00:00".to_owned(),
            length: 30,
            status: "Scheduled".to_owned(),
            description: "check-up. Phone booking ref ABCDEFGH".to_owned(),
        }
    }

    fn office(rows: Vec<Row>, appointments: Vec<Appointment>) -> Office {
        let after = Records { appointments, patients: Vec::new() };
        Office { tenant: "ten_1".to_owned(), office: "D1".to_owned(), after, rows, ..Office::default() }
    }

    fn told(answers: Vec<Value>) -> Told {
        let slot = format!("1\u{1f}{START}\u{1f}1800\u{1f}DR1\u{1f}OP1........");
        Told {
            call_id: "call".to_owned(),
            account_id: Some("ten_1".to_owned()),
            tool: "bookAppointment".to_owned(),
            tool_call_id: "tool".to_owned(),
            arguments: json!({ "patientId": "101", "slotId": format!("slot_{}", URL_SAFE_NO_PAD.encode(slot)) }),
            answers,
        }
    }

    fn judge(office: &Office, told: &[Told]) -> Verdict {
        let mut verdict = Verdict::default();
        verdict.hold_office(office, told);
        verdict
    }

    #[test]
    fn a_booking_that_is_there_once_and_was_said_so_is_clean() {
        let row = row(S::Succeeded);
        let told = told(vec![json!({ "status": "confirmed", "writebackId": row.id.to_string() })]);
        let verdict = judge(&office(vec![row], vec![appointment(1, "OP1")]), &[told]);
        assert!(verdict.is_clean(), "{verdict:?}");
        assert_eq!((verdict.booked, verdict.bookings.len()), (1, 1));
    }

    #[test]
    fn a_confirmed_booking_that_is_not_there_is_lost_and_untrue() {
        let row = row(S::Succeeded);
        let told = told(vec![json!({ "status": "confirmed", "writebackId": row.id.to_string() })]);
        let verdict = judge(&office(vec![row], Vec::new()), &[told]);
        assert_eq!((verdict.lost.len(), verdict.untrue.len()), (1, 1));
    }

    #[test]
    fn a_booking_that_is_there_twice_is_doubled() {
        let verdict =
            judge(&office(vec![row(S::Succeeded)], vec![appointment(1, "OP1"), appointment(2, "OP2")]), &[]);
        assert_eq!(verdict.doubled.len(), 1, "{verdict:?}");
    }

    #[test]
    fn two_at_one_time_in_one_chair_are_doubled_and_a_cancelled_one_is_not() {
        let other = Appointment { description: String::new(), ..appointment(2, "OP1") };
        let mut office = office(vec![row(S::Succeeded)], vec![appointment(1, "OP1"), other]);
        office.before.0 = BTreeSet::from([2]);
        assert_eq!(judge(&office, &[]).doubled.len(), 1);
        office.after.appointments[1].status = "Broken".to_owned();
        assert!(judge(&office, &[]).is_clean());
    }

    #[test]
    fn a_caller_told_no_about_a_booking_that_is_there_was_told_an_untruth() {
        let made = row(S::Succeeded);
        let no = json!({ "status": "unavailable", "say": "Nothing has been changed." });
        let office = office(vec![made.clone()], vec![appointment(1, "OP1")]);
        assert_eq!(judge(&office, &[told(vec![no.clone()])]).untrue.len(), 1);
        let yes = json!({ "status": "accepted", "say": "", "writebackId": made.id.to_string() });
        assert_eq!(judge(&office, &[told(vec![no.clone(), yes.clone()])]).untrue.len(), 1);
        assert!(judge(&office, &[told(vec![no]), told(vec![yes])]).is_clean(), "asked again and told yes");
        assert!(judge(&office, &[told(vec![Value::Null])]).is_clean(), "nothing was said");
    }

    #[test]
    fn what_nobody_asked_for_and_what_is_not_final_is_left_over() {
        assert_eq!(judge(&office(Vec::new(), vec![appointment(1, "OP1")]), &[]).unaccounted.len(), 1);
        assert_eq!(judge(&office(vec![row(S::Unknown)], Vec::new()), &[]).unaccounted.len(), 1);
        assert!(judge(&office(vec![row(S::Parked), row(S::Failed)], Vec::new()), &[]).is_clean());
    }
}
