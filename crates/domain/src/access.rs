use std::fmt;
use std::str::FromStr;

/// What somebody may be allowed to do: the scope of an API key, and what roles are made of.
///
/// Written `noun.verb` at every edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission(&'static str);

/// A word that is no permission, or no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {what}; there are {known}")]
pub struct UnknownWord {
    what: &'static str,
    known: String,
}

impl Permission {
    /// To find, and to read about, patients.
    pub const PATIENTS_READ: Self = Self("patients.read");
    /// To register patients and change what is known of them.
    pub const PATIENTS_WRITE: Self = Self("patients.write");
    /// To add notes to a patient's record.
    pub const NOTES_WRITE: Self = Self("notes.write");
    /// To see free times and a patient's appointments.
    pub const APPOINTMENTS_READ: Self = Self("appointments.read");
    /// To book, move and cancel appointments.
    pub const APPOINTMENTS_WRITE: Self = Self("appointments.write");
    /// To read a patient's balance and insurance.
    pub const ACCOUNTS_READ: Self = Self("accounts.read");
    /// To record payments.
    pub const PAYMENTS_WRITE: Self = Self("payments.write");
    /// To see what a practice offers: its clinicians, its kinds of appointment.
    pub const PRACTICE_READ: Self = Self("practice.read");
    /// To see what staff have to do.
    pub const TASKS_READ: Self = Self("tasks.read");
    /// To say that a task is done.
    pub const TASKS_WRITE: Self = Self("tasks.write");
    /// To see writes to the practices' systems, and to plan replays.
    pub const WRITEBACKS_READ: Self = Self("writebacks.read");
    /// To replay writes, and to give them up.
    pub const WRITEBACKS_REPLAY: Self = Self("writebacks.replay");
    /// To see connections to the practices' systems.
    pub const CONNECTIONS_READ: Self = Self("connections.read");
    /// To set up, change, test and disable connections.
    pub const CONNECTIONS_MANAGE: Self = Self("connections.manage");
    /// To see alerts, reports and usage.
    pub const REPORTS_READ: Self = Self("reports.read");
    /// To say where alerts go, and to settle them.
    pub const ALERTS_MANAGE: Self = Self("alerts.manage");
    /// To read who did what.
    pub const AUDIT_READ: Self = Self("audit.read");
    /// To make, list and revoke API keys.
    pub const API_KEYS_MANAGE: Self = Self("api_keys.manage");
    /// To say who belongs to the tenant, and as what.
    pub const MEMBERS_MANAGE: Self = Self("members.manage");

    /// Every one there is.
    pub const ALL: [Self; 19] = [
        Self::PATIENTS_READ,
        Self::PATIENTS_WRITE,
        Self::NOTES_WRITE,
        Self::APPOINTMENTS_READ,
        Self::APPOINTMENTS_WRITE,
        Self::ACCOUNTS_READ,
        Self::PAYMENTS_WRITE,
        Self::PRACTICE_READ,
        Self::TASKS_READ,
        Self::TASKS_WRITE,
        Self::WRITEBACKS_READ,
        Self::WRITEBACKS_REPLAY,
        Self::CONNECTIONS_READ,
        Self::CONNECTIONS_MANAGE,
        Self::REPORTS_READ,
        Self::ALERTS_MANAGE,
        Self::AUDIT_READ,
        Self::API_KEYS_MANAGE,
        Self::MEMBERS_MANAGE,
    ];

    /// The word, as in `patients.read`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl FromStr for Permission {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|one| one.0 == text).ok_or_else(|| UnknownWord {
            what: "a permission",
            known: Self::ALL.map(Self::as_str).join(", "),
        })
    }
}

/// Any number of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PermissionSet(u32);

impl PermissionSet {
    /// Every one there is.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.into_iter().collect()
    }

    /// Whether it is one of these.
    #[must_use]
    pub fn contains(self, wanted: Permission) -> bool {
        self.0 & bit(wanted) != 0
    }

    /// Each of them, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |one| self.contains(*one))
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |set, one| set | bit(one)))
    }
}

fn bit(permission: Permission) -> u32 {
    let place = Permission::ALL.iter().position(|one| *one == permission);
    place.map_or(0, |place| 1 << place)
}

/// What a person is in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// May do everything.
    Owner,
    /// Runs the practice: everything but keys and people.
    Manager,
    /// Works at the front desk.
    Receptionist,
    /// Treats patients.
    Clinician,
    /// Looks at what was done, and at no patient.
    Auditor,
}

impl Role {
    /// Every one there is.
    pub const ALL: [Self; 5] =
        [Self::Owner, Self::Manager, Self::Receptionist, Self::Clinician, Self::Auditor];

    /// The word, as in `receptionist`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Manager => "manager",
            Self::Receptionist => "receptionist",
            Self::Clinician => "clinician",
            Self::Auditor => "auditor",
        }
    }

    /// What somebody who is this may do.
    #[must_use]
    pub fn permissions(self) -> PermissionSet {
        Permission::ALL.into_iter().filter(|one| self.may(*one)).collect()
    }

    /// Whether somebody who is this may do that.
    #[must_use]
    pub fn may(self, wanted: Permission) -> bool {
        use Permission as P;
        match self {
            Self::Owner => true,
            Self::Manager => !matches!(wanted, P::API_KEYS_MANAGE | P::MEMBERS_MANAGE),
            Self::Receptionist => [
                P::PATIENTS_READ,
                P::PATIENTS_WRITE,
                P::NOTES_WRITE,
                P::APPOINTMENTS_READ,
                P::APPOINTMENTS_WRITE,
                P::ACCOUNTS_READ,
                P::PAYMENTS_WRITE,
                P::PRACTICE_READ,
                P::TASKS_READ,
                P::TASKS_WRITE,
                P::WRITEBACKS_READ,
                P::CONNECTIONS_READ,
            ]
            .contains(&wanted),
            Self::Clinician => [
                P::PATIENTS_READ,
                P::NOTES_WRITE,
                P::APPOINTMENTS_READ,
                P::APPOINTMENTS_WRITE,
                P::PRACTICE_READ,
                P::TASKS_READ,
            ]
            .contains(&wanted),
            Self::Auditor => [
                P::PRACTICE_READ,
                P::TASKS_READ,
                P::WRITEBACKS_READ,
                P::CONNECTIONS_READ,
                P::REPORTS_READ,
                P::AUDIT_READ,
            ]
            .contains(&wanted),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or_else(|| UnknownWord { what: "a role", known: Self::ALL.map(Self::as_str).join(", ") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_is_a_word_of_its_own_that_reads_back() {
        let mut words = Permission::ALL.map(Permission::as_str).to_vec();
        for word in &words {
            assert_eq!(word.parse::<Permission>().map(Permission::as_str), Ok(*word));
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Permission::ALL.len());
        assert!("patients.*".parse::<Permission>().is_err());
    }

    #[test]
    fn each_role_may_do_this_and_nothing_else() {
        let words =
            |role: Role| role.permissions().iter().map(Permission::as_str).collect::<Vec<_>>().join(" ");
        assert_eq!(words(Role::Owner), Permission::ALL.map(Permission::as_str).join(" "));
        let managers = Permission::ALL.map(Permission::as_str).into_iter();
        let managers = managers.filter(|word| !["api_keys.manage", "members.manage"].contains(word));
        assert_eq!(words(Role::Manager), managers.collect::<Vec<_>>().join(" "));
        let mut told: Vec<(Role, Vec<&str>)> = Vec::new();
        for role in [Role::Receptionist, Role::Clinician, Role::Auditor] {
            let mut words: Vec<&str> = role.permissions().iter().map(Permission::as_str).collect();
            words.sort_unstable();
            told.push((role, words));
        }
        let expected = [
            (
                Role::Receptionist,
                "accounts.read appointments.read appointments.write connections.read notes.write patients.read \
                 patients.write payments.write practice.read tasks.read tasks.write writebacks.read",
            ),
            (
                Role::Clinician,
                "appointments.read appointments.write notes.write patients.read practice.read tasks.read",
            ),
            (
                Role::Auditor,
                "audit.read connections.read practice.read reports.read tasks.read writebacks.read",
            ),
        ];
        for ((role, words), (expected_role, expected)) in told.into_iter().zip(expected) {
            assert_eq!((role, words.join(" ").as_str()), (expected_role, expected));
        }
    }

    #[test]
    fn only_an_owner_hands_out_access_and_an_auditor_sees_no_patient() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            for wanted in [Permission::API_KEYS_MANAGE, Permission::MEMBERS_MANAGE] {
                assert_eq!(role.may(wanted), role == Role::Owner, "{role} {wanted}");
            }
        }
        for wanted in Permission::ALL {
            let of_patients = ["patients.", "notes.", "appointments.", "accounts.", "payments."]
                .iter()
                .any(|noun| wanted.as_str().starts_with(noun));
            assert!(!(of_patients && Role::Auditor.may(wanted)), "{wanted}");
        }
        assert!(!Role::Clinician.may(Permission::PAYMENTS_WRITE));
        assert_eq!(Role::Owner.permissions(), PermissionSet::all());
        assert_eq!(PermissionSet::all().iter().count(), Permission::ALL.len());
        assert!(!PermissionSet::default().contains(Permission::PATIENTS_READ));
        assert!(!Role::Receptionist.may(Permission::WRITEBACKS_REPLAY));
    }
}
