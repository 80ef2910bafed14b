use domain::{Window, WritebackId};

/// A time that our own rows keep busy: a booking under way, or one that is done and that the
/// practice's copy does not show yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// When.
    pub window: Window,
    /// The clinician it takes, by the vendor's id.
    pub clinician: Option<String>,
    /// The chair it takes, by the vendor's id.
    pub chair: Option<String>,
    /// The write it is held for.
    pub writeback: Option<WritebackId>,
    /// The vendor's id of the appointment it is held for; `None` while that is being made.
    pub appointment: Option<String>,
    /// Every reference its patient is known by: the vendor's id, and the `wb_…` of the write that
    /// made the patient. A caller who asks for this time again is recognised by it.
    pub patients: Vec<String>,
}
