use diesel::prelude::*;
use diesel::sql_types::{Binary, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{CallLogId, PracticeId, TenantId};
use seal::Sealed;
use uuid::Uuid;

use crate::schema::{voice_calls as calls, voice_phone_numbers as numbers};
use crate::statement::statement;
use crate::{MachineryTx, StoreError, TenantTx};

/// Whose number, or whose call, it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberOwner {
    /// The tenant.
    pub tenant: TenantId,
    /// The location it rings at.
    pub practice: PracticeId,
    /// The voice vendor's assistant that answers it.
    pub assistant_id: Option<String>,
}

/// News of a call.
#[derive(Debug, Default)]
pub struct CallUpdate<'a> {
    /// The vendor's word for its state; `ended` is never taken back.
    pub status: Option<&'a str>,
    /// The vendor's word for why it ended.
    pub ended_reason: Option<&'a str>,
    /// The vendor's report, redacted.
    pub report: Option<&'a [u8]>,
}

fn report_identity(vendor_call_id: &str) -> String {
    format!("voice_calls/{vendor_call_id}/report")
}

impl TenantTx {
    /// Notes news of a call, in whatever order it comes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the call is another tenant's.
    pub async fn call_news(&mut self, vendor_call_id: &str, news: &CallUpdate<'_>) -> Result<(), StoreError> {
        let report = news
            .report
            .map(|report| self.store.keys.seal(&report_identity(vendor_call_id), report))
            .transpose()?;
        let ended = news.status == Some("ended") || news.report.is_some();
        let touched = statement(
            "INSERT INTO voice_calls AS c (id, tenant_id, vendor_call_id, status, ended_reason, report, ended_at)
             VALUES ($1, $2, $3, coalesce($4, 'in-progress'), $5, $6, CASE WHEN $7 THEN now() END)
             ON CONFLICT (vendor_call_id) DO UPDATE SET
                 status = CASE WHEN c.status = 'ended' THEN 'ended' ELSE coalesce($4, c.status) END,
                 ended_reason = coalesce($5, c.ended_reason), report = coalesce($6, c.report),
                 ended_at = coalesce(c.ended_at, CASE WHEN $7 THEN now() END)",
        )
        .bind::<SqlUuid, _>(CallLogId::new().uuid())
        .bind::<SqlUuid, _>(self.tenant.uuid())
        .bind::<Text, _>(vendor_call_id)
        .bind::<Nullable<Text>, _>(if ended { Some("ended") } else { news.status })
        .bind::<Nullable<Text>, _>(news.ended_reason)
        .bind::<Nullable<Binary>, _>(report.as_ref().map(Sealed::as_bytes))
        .bind::<Bool, _>(ended)
        .execute(&mut self.conn)
        .await?;
        if touched == 1 { Ok(()) } else { Err(StoreError::NotFound) }
    }

    /// The vendor's report of a call, if it came.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn call_report(&mut self, vendor_call_id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sealed: Option<Vec<u8>> = calls::table
            .select(calls::report)
            .filter(calls::vendor_call_id.eq(vendor_call_id))
            .first(&mut self.conn)
            .await?;
        sealed
            .map(|bytes| self.store.keys.open(&report_identity(vendor_call_id), &Sealed::from_bytes(bytes)))
            .transpose()
            .map_err(Into::into)
    }

    /// A call's state and why it ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn call_state(
        &mut self,
        vendor_call_id: &str,
    ) -> Result<Option<(String, Option<String>)>, StoreError> {
        Ok(calls::table
            .select((calls::status, calls::ended_reason))
            .filter(calls::vendor_call_id.eq(vendor_call_id))
            .first(&mut self.conn)
            .await
            .optional()?)
    }
}

impl MachineryTx {
    /// Gives a number to a location.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the vendor's id is another number's.
    pub async fn put_phone_number(
        &mut self,
        owner: &NumberOwner,
        number: &str,
        vendor_number_id: Option<&str>,
    ) -> Result<(), StoreError> {
        diesel::insert_into(numbers::table)
            .values((
                numbers::id.eq(Uuid::now_v7()),
                numbers::tenant_id.eq(owner.tenant.uuid()),
                numbers::practice_id.eq(owner.practice.uuid()),
                numbers::number.eq(number),
                numbers::vendor_number_id.eq(vendor_number_id),
                numbers::assistant_id.eq(owner.assistant_id.as_deref()),
            ))
            .on_conflict(numbers::number)
            .do_update()
            .set((
                numbers::tenant_id.eq(owner.tenant.uuid()),
                numbers::practice_id.eq(owner.practice.uuid()),
                numbers::vendor_number_id.eq(vendor_number_id),
                numbers::assistant_id.eq(owner.assistant_id.as_deref()),
            ))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Whose number this is, by the number in E.164 or by the vendor's id of it. Nobody's when the two
    /// are of different locations.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn number_owner(
        &mut self,
        number: Option<&str>,
        vendor_number_id: Option<&str>,
    ) -> Result<Option<NumberOwner>, StoreError> {
        let mut found: Vec<(Uuid, Uuid, Option<String>)> = numbers::table
            .select((numbers::tenant_id, numbers::practice_id, numbers::assistant_id))
            .filter(
                numbers::number
                    .eq(number.unwrap_or_default())
                    .or(numbers::vendor_number_id.eq(vendor_number_id.unwrap_or_default())),
            )
            .load(&mut self.conn)
            .await?;
        if found.windows(2).any(|pair| (pair[0].0, pair[0].1) != (pair[1].0, pair[1].1)) {
            return Ok(None);
        }
        Ok(found.pop().map(|(tenant, practice, assistant_id)| NumberOwner {
            tenant: TenantId::from_uuid(tenant),
            practice: PracticeId::from_uuid(practice),
            assistant_id,
        }))
    }

    /// Whose call this is, where we know it already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn call_owner(&mut self, vendor_call_id: &str) -> Result<Option<TenantId>, StoreError> {
        let found: Option<Uuid> = calls::table
            .select(calls::tenant_id)
            .filter(calls::vendor_call_id.eq(vendor_call_id))
            .first(&mut self.conn)
            .await
            .optional()?;
        Ok(found.map(TenantId::from_uuid))
    }

    /// Whether a tenant exists, and which location and connection serve a call that names no number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tenant_exists(&mut self, tenant: TenantId) -> Result<bool, StoreError> {
        use crate::schema::tenants;
        Ok(diesel::select(diesel::dsl::exists(tenants::table.filter(tenants::id.eq(tenant.uuid()))))
            .get_result(&mut self.conn)
            .await?)
    }
}
