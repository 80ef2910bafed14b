use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use domain::{TenantId, WritebackId, WritebackState};
use serde_json::{Value, json};
use store::{Store, Writeback};
use tokio::time::{Instant, sleep};

use crate::commands::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(120);

/// A patient as the practice's own records have them.
pub(super) struct Person {
    pub(super) id: String,
    first: String,
    last: String,
    born: String,
}

impl Person {
    /// What they say of themselves.
    pub(super) fn said(&self) -> Value {
        json!({ "firstName": self.first, "lastName": self.last, "dateOfBirth": self.born })
    }
}

/// The practice's own system beside our rows.
pub(super) struct Books {
    sandbox: Sandbox,
    store: Store,
    tenant: TenantId,
    office: String,
}

impl Books {
    pub(super) fn new(sandbox: Sandbox, store: Store, tenant: TenantId, office: &str) -> Self {
        Self { sandbox, store, tenant, office: office.to_owned() }
    }

    async fn put(&self, what: &str, body: &Value) -> anyhow::Result<()> {
        let path = format!("/admin/sikka/offices/{}{what}", self.office);
        self.sandbox.put(&path, body).await.map(drop)
    }

    /// The practice's server is on, and its system does what it is given.
    pub(super) async fn everything_works(&self) -> anyhow::Result<()> {
        self.server(true).await?;
        self.refuses(false).await
    }

    pub(super) async fn server(&self, online: bool) -> anyhow::Result<()> {
        self.put("/spu", &json!({ "online": online })).await
    }

    /// The practice's system refuses whatever it is given.
    pub(super) async fn refuses(&self, refuses: bool) -> anyhow::Result<()> {
        let mode = if refuses { "fail" } else { "normal" };
        self.put("/writeback", &json!({ "mode": mode, "min_ms": 1_000, "max_ms": 2_000 })).await
    }

    /// The vendor copies the practice's system now.
    pub(super) async fn refresh(&self) -> anyhow::Result<()> {
        let path = format!("/admin/sikka/offices/{}/refresh", self.office);
        self.sandbox.post(&path, &json!({})).await.map(drop)
    }

    async fn records(&self, kind: &str) -> anyhow::Result<Vec<Value>> {
        let pms = self.sandbox.get(&format!("/admin/sikka/offices/{}/pms", self.office)).await?;
        pms[kind].as_array().cloned().with_context(|| format!("the practice's records have no {kind}"))
    }

    /// Somebody who owes something and is insured.
    pub(super) async fn somebody(&self) -> anyhow::Result<Person> {
        let insured = self.records("insurance_plans").await?;
        for patient in self.records("patients").await? {
            let id = text(&patient["patient_id"]);
            let alone = patient["guarantor_id"] == patient["patient_id"];
            let plans = insured.iter().filter(|plan| text(&plan["patient_id"]) == id).count();
            if alone && plans == 1 && self.balance(&id).await? > 2 * 2_500 {
                let field = |name: &str| patient[name].as_str().map(str::to_owned);
                return Ok(Person {
                    id,
                    first: field("firstname").context("a patient without a name")?,
                    last: field("lastname").context("a patient without a name")?,
                    born: field("birthdate").context("a patient without a date of birth")?,
                });
            }
        }
        bail!("the office has nobody who owes something and is insured")
    }

    /// Those of some offered times that are on days for which a patient has no appointment: on others they may be in the
    /// practice already.
    pub(super) async fn suit(&self, patient: &str, slots: Vec<Value>) -> anyhow::Result<Vec<Value>> {
        let all = self.records("appointments").await?;
        let days: Vec<&str> = all
            .iter()
            .filter(|one| text(&one["patient_id"]) == patient)
            .filter(|one| !word(one, "status").eq_ignore_ascii_case("broken"))
            .map(|one| word(one, "date"))
            .collect();
        let suits = |slot: &Value| !days.iter().any(|day| word(slot, "start").starts_with(day));
        let suiting: Vec<Value> = slots.into_iter().filter(suits).collect();
        ensure!(suiting.len() > 1, "the patient has an appointment on every day that has a free time");
        Ok(suiting)
    }

    /// What the patient's lines add up to, in cents.
    pub(super) async fn balance(&self, patient: &str) -> anyhow::Result<i64> {
        let lines = self.records("transactions").await?;
        let theirs = lines.iter().filter(|line| text(&line["patient_id"]) == patient);
        Ok(theirs.filter_map(|line| line["amount"].as_i64()).sum())
    }

    /// The write that an answer told of, once our rows say that it is done, and that it is of this kind.
    pub(super) async fn landed(&self, told: &Value, operation: &str) -> anyhow::Result<Writeback> {
        let status = told["status"].as_str().unwrap_or_default();
        ensure!(["confirmed", "accepted"].contains(&status), "a wish was answered with {status}: {told}");
        let write = self.ended(writeback_of(told)?).await?;
        ensure!(write.state == WritebackState::Succeeded, "{} is {}", write.id, write.state);
        ensure!(write.operation == operation, "{} is a {}", write.id, write.operation);
        let receipts = self.receipts(&write).await?;
        ensure!(receipts == 1, "the vendor was given {} {receipts} times", write.id);
        Ok(write)
    }

    /// A write as it stands.
    pub(super) async fn row(&self, id: WritebackId) -> anyhow::Result<Writeback> {
        let mut tx = self.store.tenant(self.tenant).await?;
        let write = tx.writeback(id).await?;
        tx.commit().await?;
        Ok(write)
    }

    /// A write once nobody does anything about it any more.
    pub(super) async fn ended(&self, id: WritebackId) -> anyhow::Result<Writeback> {
        let until = Instant::now() + SOON;
        loop {
            let write = self.row(id).await?;
            if write.state.is_final() {
                return Ok(write);
            }
            ensure!(Instant::now() < until, "{id} is {} and does not come to its end", write.state);
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// How often the vendor was given a write.
    pub(super) async fn receipts(&self, write: &Writeback) -> anyhow::Result<usize> {
        let given = self.sandbox.get(&format!("/admin/sikka/offices/{}/writebacks", self.office)).await?;
        let given = given.as_array().into_iter().flatten();
        Ok(given.filter(|one| one["id"].as_u64().map(|id| id.to_string()) == write.receipt).count())
    }

    /// The practice's number of the appointment that a write made: one, and no second.
    pub(super) async fn appointment_of(&self, write: &Writeback) -> anyhow::Result<String> {
        let made = self.appointments_of(write).await?;
        ensure!(made.len() == 1, "the practice has {} appointments of {}", made.len(), write.id);
        Ok(made[0].clone())
    }

    pub(super) async fn appointments_of(&self, write: &Writeback) -> anyhow::Result<Vec<String>> {
        let all = self.records("appointments").await?;
        let ours =
            |one: &&Value| one["description"].as_str().is_some_and(|said| said.contains(&write.reference));
        Ok(all.iter().filter(ours).map(|one| text(&one["appointment_sr_no"])).collect())
    }

    async fn appointment(&self, id: &str) -> anyhow::Result<Value> {
        let all = self.records("appointments").await?;
        all.into_iter().find(|one| text(&one["appointment_sr_no"]) == id).context("the appointment is gone")
    }

    pub(super) async fn stands_at(&self, id: &str, slot: &Value) -> anyhow::Result<()> {
        let held = self.appointment(id).await?;
        let at = format!("{}T{}", word(&held, "date"), word(&held, "time").get(..5).unwrap_or_default());
        let wanted = word(slot, "start");
        ensure!(wanted.starts_with(&at), "appointment {id} is at {at} and should be at {wanted}");
        Ok(())
    }

    pub(super) async fn is_cancelled(&self, id: &str) -> anyhow::Result<()> {
        let held = self.appointment(id).await?;
        ensure!(
            word(&held, "status").eq_ignore_ascii_case("broken"),
            "appointment {id} is {}",
            held["status"]
        );
        Ok(())
    }

    /// No offered time begins in the middle of an appointment of everybody who could be offered then.
    pub(super) async fn are_free(&self, slots: &[Value]) -> anyhow::Result<()> {
        let all = self.records("appointments").await?;
        for slot in slots {
            let start = word(slot, "start");
            let standing = all.iter().filter(|one| {
                let at = format!("{}T{}", word(one, "date"), word(one, "time").get(..5).unwrap_or_default());
                start.starts_with(&at) && !word(one, "status").eq_ignore_ascii_case("broken")
            });
            // Three people work in three rooms: with three appointments nobody is left.
            ensure!(standing.count() < 3, "{start} is offered and taken");
        }
        Ok(())
    }

    /// How many notes of a patient hold a text.
    pub(super) async fn notes(&self, patient: &str, said: &str) -> anyhow::Result<usize> {
        let notes = self.records("notes").await?;
        let of = |note: &&Value| text(&note["patient_id"]) == patient && word(note, "text").contains(said);
        Ok(notes.iter().filter(of).count())
    }

    /// How many payments of an amount a patient's account has.
    pub(super) async fn payments(&self, patient: &str, cents: i64) -> anyhow::Result<usize> {
        let lines = self.records("transactions").await?;
        let of = |line: &&Value| text(&line["patient_id"]) == patient && line["amount"] == json!(-cents);
        Ok(lines.iter().filter(of).count())
    }

    /// The companies that the practice's own records name for a patient are those that were told.
    pub(super) async fn insures(&self, patient: &str, told: &[&str]) -> anyhow::Result<()> {
        let plans = self.records("insurance_plans").await?;
        let theirs = plans.iter().filter(|plan| text(&plan["patient_id"]) == patient);
        let held: Vec<&str> = theirs.filter_map(|plan| plan["company_name"].as_str()).collect();
        ensure!(held == told, "{told:?} was told and the practice's records say {held:?}");
        Ok(())
    }
}

/// The write an answer is about.
pub(super) fn writeback_of(told: &Value) -> anyhow::Result<WritebackId> {
    told["writebackId"].as_str().and_then(|id| id.parse().ok()).with_context(|| format!("no write: {told}"))
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A number or a text as text.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
