use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::ConnectionId;

use crate::schema::{pms_appointment_types as t, pms_clinician_mappings as m};
use crate::{StoreError, TenantTx};

/// What staff call somebody of the vendor's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClinicianMapping {
    /// The vendor's id.
    pub vendor_id: String,
    /// As it may be said: `Dr Lee`.
    pub name: String,
    /// Whether callers are offered times with them.
    pub offered: bool,
}

/// A kind of appointment that staff offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffAppointmentType {
    /// As staff and callers say it.
    pub name: String,
    /// How long it takes.
    pub minutes: i32,
    /// The vendor's own code for it.
    pub vendor_id: Option<String>,
    /// With whom it is: `provider` or `hygienist`.
    pub clinician_kind: Option<String>,
}

impl TenantTx {
    /// What staff call the clinicians of a connection, where they said so.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clinician_mappings(
        &mut self,
        id: ConnectionId,
    ) -> Result<Vec<ClinicianMapping>, StoreError> {
        let rows: Vec<(String, String, bool)> = m::table
            .select((m::vendor_id, m::name, m::offered))
            .filter(m::connection_id.eq(id.uuid()))
            .order(m::vendor_id)
            .load(&mut self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(vendor_id, name, offered)| ClinicianMapping { vendor_id, name, offered })
            .collect())
    }

    /// Puts this in the place of all that staff said so far.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for another tenant's connection.
    pub async fn put_clinician_mappings(
        &mut self,
        id: ConnectionId,
        mappings: &[ClinicianMapping],
    ) -> Result<(), StoreError> {
        diesel::delete(m::table.filter(m::connection_id.eq(id.uuid()))).execute(&mut self.conn).await?;
        let tenant = self.tenant.uuid();
        let rows: Vec<_> = mappings
            .iter()
            .map(|one| {
                (
                    m::tenant_id.eq(tenant),
                    m::connection_id.eq(id.uuid()),
                    m::vendor_id.eq(&one.vendor_id),
                    m::name.eq(&one.name),
                    m::offered.eq(one.offered),
                )
            })
            .collect();
        diesel::insert_into(m::table).values(rows).execute(&mut self.conn).await?;
        Ok(())
    }

    /// The kinds of appointment that staff offer, in their order; none where they said nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn staff_appointment_types(
        &mut self,
        id: ConnectionId,
    ) -> Result<Vec<StaffAppointmentType>, StoreError> {
        let rows: Vec<(String, i32, Option<String>, Option<String>)> = t::table
            .select((t::name, t::minutes, t::vendor_id, t::clinician_kind))
            .filter(t::connection_id.eq(id.uuid()))
            .order(t::position)
            .load(&mut self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(name, minutes, vendor_id, clinician_kind)| StaffAppointmentType {
                name,
                minutes,
                vendor_id,
                clinician_kind,
            })
            .collect())
    }

    /// Puts this in the place of all that staff said so far.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for another tenant's connection.
    pub async fn put_staff_appointment_types(
        &mut self,
        id: ConnectionId,
        types: &[StaffAppointmentType],
    ) -> Result<(), StoreError> {
        diesel::delete(t::table.filter(t::connection_id.eq(id.uuid()))).execute(&mut self.conn).await?;
        let tenant = self.tenant.uuid();
        let rows: Vec<_> = (0i32..)
            .zip(types)
            .map(|(position, one)| {
                (
                    t::tenant_id.eq(tenant),
                    t::connection_id.eq(id.uuid()),
                    t::position.eq(position),
                    t::name.eq(&one.name),
                    t::minutes.eq(one.minutes),
                    t::vendor_id.eq(&one.vendor_id),
                    t::clinician_kind.eq(&one.clinician_kind),
                )
            })
            .collect();
        diesel::insert_into(t::table).values(rows).execute(&mut self.conn).await?;
        Ok(())
    }
}
