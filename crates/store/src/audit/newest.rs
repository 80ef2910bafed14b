use seal::same_bytes;

use super::{AuditFault, AuditReport};
use crate::{StoreError, TenantTx};

impl TenantTx {
    /// Reads the newest part of the tenant's chain: its head, and up to `most` records before it. What is older is
    /// not looked at: [`TenantTx::verify_audit`] reads everything. `records` tells how many were read. Records may be
    /// added meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn verify_newest_audit(&mut self, most: i64) -> Result<AuditReport, StoreError> {
        let mut faults = Vec::new();
        let mut head = self.audit_head().await?;
        if head.is_none() && !self.audit_page(0, 1).await?.is_empty() {
            // The first record may have come between these two looks. It came with its head, and no head goes again:
            // one that is gone was taken away.
            head = self.audit_head().await?;
            if head.is_none() {
                faults.push(AuditFault::HeadForged);
            }
        }
        let Some(head) = head else { return Ok(AuditReport { records: 0, faults }) };
        if !same_bytes(&self.head_seal(head.sequence, &head.hash), &head.seal) {
            faults.push(AuditFault::HeadForged);
        }
        // One more than is checked: the first is only there for the hash that the second is linked to.
        let first = (head.sequence - most).max(0);
        let mut records = self.audit_page(first - 1, most + 1).await?;
        records.retain(|read| read.sequence() <= head.sequence);
        let (mut last, mut previous, mut checked) = (first, Vec::new(), 0);
        let mut linked = first == 0;
        for read in records {
            let sequence = read.sequence();
            if sequence == first {
                (previous, linked) = (read.into_hash(), true);
                continue;
            }
            checked += 1;
            for missing in last + 1..sequence {
                faults.push(AuditFault::Removed { sequence: missing });
                linked = false;
            }
            faults.extend(self.fault_of(&read, &previous, linked, false));
            (last, previous, linked) = (sequence, read.into_hash(), true);
        }
        if last < head.sequence {
            faults.push(AuditFault::Truncated { ends_at: last, ended_at: head.sequence });
        } else if head.sequence > 0 && !same_bytes(&previous, &head.hash) {
            faults.push(AuditFault::Edited { sequence: head.sequence });
        }
        Ok(AuditReport { records: checked, faults })
    }
}
