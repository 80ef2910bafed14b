use domain::{Window, WritebackId};

/// How a write of ours stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is under way: whether it will be done is not known.
    UnderWay,
    /// It was set aside: staff must find out what became of it.
    WithStaff,
    /// Staff entered it by hand: nobody knows under which id, nor whether at this time.
    ByHand,
    /// The practice's system said that it is done.
    Done,
}

impl Stage {
    /// The word for it at every edge.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnderWay => "on_its_way",
            Self::WithStaff => "with_staff",
            Self::ByHand => "entered_by_hand",
            Self::Done => "booked",
        }
    }
}

/// A time that our own rows keep busy: a booking under way, or one that is done and that the
/// practice's copy does not show yet. A write that takes two clinicians keeps two of them: the second is who goes along,
/// and names no chair.
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
    /// How that stands.
    pub stage: Stage,
    /// The vendor's id of the appointment it is held for; `None` while that is being made.
    pub appointment: Option<String>,
    /// Every reference its patient is known by: the vendor's id, and the `wb_…` of the write that
    /// made the patient. A caller who asks for this time again is recognised by it.
    pub patients: Vec<String>,
}
