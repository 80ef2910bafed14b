//! Payments that a tenant's payment service says it has taken.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::PracticeId;

use crate::schema::payments_taken as p;
use crate::statement::statement;
use crate::{StoreError, TenantTx};

/// A payment as the payment service tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentTaken<'a> {
    /// What the service calls it: one payment, for the tenant.
    pub reference: &'a str,
    /// Cents.
    pub minor: i64,
    /// The currency's three letters.
    pub currency: &'a str,
    /// How it was paid, where the service says.
    pub method: Option<&'a str>,
    /// The vendor's id of the patient it is for, where the service knows.
    pub patient: Option<&'a str>,
}

/// What became of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// It is known from now on.
    New,
    /// The same was announced before.
    Before,
    /// Another payment was announced under this reference.
    Different,
}

impl TenantTx {
    /// Keeps what the payment service tells of a payment. What it says later of the same reference changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn announce_payment(
        &mut self,
        taken: &PaymentTaken<'_>,
        by: &str,
    ) -> Result<Announced, StoreError> {
        let added = diesel::insert_into(p::table)
            .values((
                p::tenant_id.eq(self.tenant.uuid()),
                p::reference.eq(taken.reference),
                p::minor.eq(taken.minor),
                p::currency.eq(taken.currency),
                p::method.eq(taken.method),
                p::patient.eq(taken.patient),
                p::told_by.eq(by),
            ))
            .on_conflict_do_nothing()
            .execute(&mut self.conn)
            .await?;
        if added == 1 {
            return Ok(Announced::New);
        }
        let (minor, currency, method, patient): (i64, String, Option<String>, Option<String>) = p::table
            .select((p::minor, p::currency, p::method, p::patient))
            .filter(p::reference.eq(taken.reference))
            .first(&mut self.conn)
            .await?;
        let known = PaymentTaken {
            reference: taken.reference,
            minor,
            currency: &currency,
            method: method.as_deref(),
            patient: patient.as_deref(),
        };
        Ok(if known == *taken { Announced::Before } else { Announced::Different })
    }

    /// Takes an announced payment for an account of this practice, and says how it was paid where the service did.
    /// `None`: nobody announced this reference with this amount and currency, it was announced for another patient, or
    /// another practice of the tenant's has it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_payment(
        &mut self,
        wanted: &PaymentTaken<'_>,
        practice: PracticeId,
    ) -> Result<Option<Option<String>>, StoreError> {
        Ok(statement(
            "UPDATE payments_taken SET practice_id = $5
             WHERE reference = $1 AND minor = $2 AND currency = $3 AND (patient IS NULL OR patient = $4)
               AND (practice_id IS NULL OR practice_id = $5)
             RETURNING method AS word",
        )
        .bind::<Text, _>(wanted.reference)
        .bind::<BigInt, _>(wanted.minor)
        .bind::<Text, _>(wanted.currency)
        .bind::<Nullable<Text>, _>(wanted.patient)
        .bind::<SqlUuid, _>(practice.uuid())
        .word(&mut self.conn)
        .await?)
    }
}
