//! `switchboard demo sikka`: a clinic from the day it installs the application to the night its server was down.
//!
//! Every step is held against three books: what the practice's own system has, what our rows say, and the audit
//! chain. The first that does not fit ends the demo with 1.

mod books;
mod clinic;
mod install;
mod outage;

use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use domain::{TenantId, WritebackId};
use jiff::{ToSpan as _, Zoned};
use serde_json::{Value, json};
use store::{Store, Writeback};

use self::books::{Books, Person};
use self::clinic::Clinic;
use super::caller::Caller;
use crate::commands::audit;
use crate::commands::sandbox::Sandbox;
use crate::commands::seed::add_newcomer;
use crate::out::Out;
use crate::place::{self, Place};

/// The sandbox's office that installs the application.
const OFFICE: &str = "D10002";
/// What the payment service says it has taken, in cents.
const PAID: i64 = 2_500;

/// Everything a step needs.
struct Demo {
    caller: Caller,
    books: Books,
    store: Store,
    clinic: Clinic,
    tenant: TenantId,
    patient: Person,
}

/// `switchboard demo sikka`.
pub(super) async fn run(state: &std::path::Path, out: Out) -> anyhow::Result<ExitCode> {
    let place = Place::read(state)?;
    let store = place::store(state).await?;
    match play(&place, store, out).await {
        Ok(result) => {
            out.result(&result);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            out.result(&json!({ "demo": "failed", "scenario": "sikka", "reason": format!("{error:#}") }));
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn play(place: &Place, store: Store, out: Out) -> anyhow::Result<Value> {
    let sandbox = Sandbox::new(&place.sandbox_admin);
    let known = sandbox.ask(reqwest::Method::GET, &format!("/admin/sikka/offices/{OFFICE}"), None).await?;
    ensure!(known.0, "the sandbox has no office {OFFICE}: start it with at least two offices");
    install::free_the_office(&store).await?;
    let newcomer = add_newcomer(&store).await?;
    let (tenant, clinic) = (newcomer.tenant, Clinic::new(place, &newcomer)?);
    let books = Books::new(sandbox.clone(), store.clone(), tenant, OFFICE);
    books.everything_works().await?;
    let caller = Caller::new(place, &tenant.to_string(), out)?;
    let installed = install::play(place, &store, &sandbox, (tenant, &clinic), &caller).await?;
    let patient = books.somebody().await?;
    let demo = Demo { caller, books, store, clinic, tenant, patient };
    demo.who_calls().await?;
    let kept = demo.book_move_and_cancel().await?;
    demo.note().await?;
    demo.account_and_payment().await?;
    let replayed = outage::play(&demo).await?;
    let records = demo.audit().await?;
    Ok(json!({
        "demo": "ok", "scenario": "sikka", "office": OFFICE, "connection": installed["connectionId"],
        "features": installed["features"], "cancelled_appointment": kept,
        "replayed": replayed, "audit_records": records, "seconds": demo.caller.seconds().round(),
    }))
}

impl Demo {
    async fn who_calls(&self) -> anyhow::Result<()> {
        self.caller.scene("A patient calls and says who they are.");
        let told = self.caller.patiently("searchPatients", &self.patient.said()).await?;
        ensure!(told["patientId"] == json!(self.patient.id), "somebody else was found: {told}");
        self.caller.held(format!("patient {} of the practice's own records", self.patient.id));
        Ok(())
    }

    /// Free times of the coming days, the first of each half-day.
    async fn free_times(&self) -> anyhow::Result<Vec<Value>> {
        let day = |ahead: i64| -> anyhow::Result<String> {
            Ok(Zoned::now().checked_add(ahead.days())?.date().to_string())
        };
        let asked = json!({ "from": day(2)?, "to": day(9)? });
        let told = self.caller.patiently("checkAvailability", &asked).await?;
        let slots = told["slots"].as_array().cloned().unwrap_or_default();
        ensure!(slots.len() > 3, "the practice offers {} times: {told}", slots.len());
        self.books.are_free(&slots).await?;
        self.caller.held(format!(
            "{} times are offered, and each is free in the practice's own calendar",
            slots.len()
        ));
        Ok(slots)
    }

    /// Free times that the patient can come at.
    async fn their_times(&self) -> anyhow::Result<Vec<Value>> {
        self.books.suit(&self.patient.id, self.free_times().await?).await
    }

    /// Whether a time is offered now: at its start, with whom it was.
    async fn is_offered(&self, slot: &Value) -> anyhow::Result<bool> {
        let slots = self.free_times().await?;
        Ok(slots.iter().any(|one| (&one["start"], &one["provider"]) == (&slot["start"], &slot["provider"])))
    }

    /// The front desk has an open task about a write.
    async fn has_task_about(&self, write: WritebackId) -> anyhow::Result<()> {
        let mut tx = self.store.tenant(self.tenant).await?;
        let has = tx.has_task_about(write).await?;
        tx.commit().await?;
        ensure!(has, "the front desk has no task about {write}");
        Ok(())
    }

    /// The latest try of a write: itself, or the last of its replays.
    async fn latest(&self, write: WritebackId) -> anyhow::Result<Writeback> {
        let mut tx = self.store.tenant(self.tenant).await?;
        let latest = tx.latest_try(write).await?;
        tx.commit().await?;
        Ok(latest)
    }

    async fn book(&self, slot: &Value) -> anyhow::Result<Value> {
        let wanted = json!({ "patientId": self.patient.id, "slotId": slot["slotId"], "reason": "check-up" });
        self.caller.patiently("bookAppointment", &wanted).await
    }

    async fn book_move_and_cancel(&self) -> anyhow::Result<String> {
        let slots = self.their_times().await?;
        self.caller.scene("They book.");
        let told = self.book(&slots[0]).await?;
        let write = self.books.landed(&told, "book_appointment").await?;
        let appointment = self.books.appointment_of(&write).await?;
        self.books.stands_at(&appointment, &slots[0]).await?;
        self.caller.held(format!("appointment {appointment} is in the practice's calendar, once"));

        self.caller.scene("They want another time.");
        self.books.refresh().await?;
        let own = self.caller.patiently("getAppointments", &json!({ "patientId": self.patient.id })).await?;
        let listed = own["appointments"].as_array().into_iter().flatten();
        let mine = listed.filter(|one| one["appointmentId"] == json!(appointment)).count();
        ensure!(mine == 1, "the new appointment is not among the patient's own: {own}");
        let later = slots.last().context("no other time")?;
        let wanted =
            json!({ "patientId": self.patient.id, "appointmentId": appointment, "slotId": later["slotId"] });
        let told = self.caller.patiently("rescheduleAppointment", &wanted).await?;
        self.books.landed(&told, "reschedule_appointment").await?;
        self.books.stands_at(&appointment, later).await?;
        self.caller.held(format!("appointment {appointment} is at the new time, and nowhere else"));

        self.caller.scene("They cannot come at all.");
        let wanted = json!({ "patientId": self.patient.id, "appointmentId": appointment });
        let told = self.caller.patiently("cancelAppointment", &wanted).await?;
        self.books.landed(&told, "cancel_appointment").await?;
        self.books.is_cancelled(&appointment).await?;
        self.caller.held(format!("appointment {appointment} is cancelled in the practice's own word"));
        Ok(appointment)
    }

    async fn note(&self) -> anyhow::Result<()> {
        self.caller.scene("They leave a note.");
        let text = format!("Prefers mornings. Demo {}", self.suffix());
        let wanted = json!({ "patientId": self.patient.id, "note": text });
        let told = self.caller.patiently("addPatientNote", &wanted).await?;
        self.books.landed(&told, "add_note").await?;
        let kept = self.books.notes(&self.patient.id, &self.suffix()).await?;
        ensure!(kept == 1, "the practice has the note {kept} times");
        self.caller.held("the note is in the patient's record, once");
        Ok(())
    }

    async fn account_and_payment(&self) -> anyhow::Result<()> {
        self.caller.scene("They ask what is open, and who insures them.");
        let who = json!({ "patientId": self.patient.id });
        let before = self.balance().await?;
        let told = self.caller.patiently("getPatientInsurance", &who).await?;
        let carriers: Vec<&str> = told["insurances"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one["carrier"].as_str())
            .collect();
        ensure!(!carriers.is_empty(), "no insurance was told: {told}");
        self.books.insures(&self.patient.id, &carriers).await?;
        self.caller.held(format!("insured with {}", carriers.join(" and ")));

        self.caller.scene("They say that they have paid.");
        let lines = self.books.payments(&self.patient.id, PAID).await?;
        let told = self.pay("demo-payment-1").await?;
        ensure!(told["status"] == "needs_staff", "a caller's word was answered with {told}");
        ensure!(self.books.payments(&self.patient.id, PAID).await? == lines, "a caller's word was posted");
        self.caller
            .held("on their word alone nothing is put on the account; the front desk is asked to look");

        self.caller.scene("The clinic's payment service tells of the payment, and it is put on the account.");
        self.announce("demo-payment-1").await?;
        let told = self.pay("demo-payment-1").await?;
        self.books.landed(&told, "record_payment").await?;
        let now = self.books.payments(&self.patient.id, PAID).await?;
        ensure!(now == lines + 1, "the payment is on the account {} times", now - lines);
        self.books.refresh().await?;
        let after = self.balance().await?;
        ensure!(after == before - PAID, "the account was at {before} and is at {after}");
        self.caller.held("the payment is on the account, once, and the account is lower by as much");
        Ok(())
    }

    async fn balance(&self) -> anyhow::Result<i64> {
        let told =
            self.caller.patiently("getPatientBalance", &json!({ "patientId": self.patient.id })).await?;
        let told = told["balance"]["minor"].as_i64().context("no balance was told")?;
        let held = self.books.balance(&self.patient.id).await?;
        ensure!(told == held, "{told} was told and the practice's own account says {held}");
        self.caller.held(format!("the practice's own account says {held} cents as well"));
        Ok(held)
    }

    /// What the clinic's payment service does when it has taken a payment.
    async fn announce(&self, reference: &str) -> anyhow::Result<()> {
        let own = format!("{reference}-{}", self.suffix());
        let taken = json!({
            "reference": own, "amount": PAID, "currency": "USD", "method": "card", "patientId": self.patient.id,
        });
        self.clinic.post("/api/pms/payments/taken", &taken).await.map(drop)
    }

    async fn pay(&self, reference: &str) -> anyhow::Result<Value> {
        let own = format!("{reference}-{}", self.suffix());
        let wanted = json!({
            "patientId": self.patient.id, "reference": own, "amount": PAID, "currency": "USD", "method": "card",
        });
        self.caller.patiently("processPayment", &wanted).await
    }

    /// Tells this demo's entries from those of earlier ones.
    fn suffix(&self) -> String {
        self.tenant.uuid().simple().to_string().split_off(20)
    }

    /// The chain is whole, and every tool that was used in the call is in it.
    async fn audit(&self) -> anyhow::Result<usize> {
        self.caller.scene("What was recorded of it.");
        let records = audit::latest(&self.store, self.tenant, 200).await?;
        for action in [
            "connection.connect",
            "patient.search",
            "availability.check",
            "appointment.book",
            "appointment.book.landed",
            "appointment.reschedule",
            "appointment.cancel",
            "patient.note",
            "patient.balance.read",
            "patient.insurance.read",
            "payment.announce",
            "payment.record",
            "writeback.replay",
        ] {
            if !records.iter().any(|record| record["action"] == action) {
                bail!("the audit log has no record of {action}");
            }
        }
        for (tenant, report) in audit::verify_all(&self.store).await? {
            ensure!(report.faults.is_empty(), "the audit chain of {tenant} is broken: {:?}", report.faults);
        }
        self.caller.held(format!("{} audit records of this clinic, and the chain is whole", records.len()));
        Ok(records.len())
    }
}
