use std::fmt;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use domain::{ApiKeyId, Permission, PermissionSet, Role, TenantId, UserId};
use service::{ApiError, Code};

/// Who asks: a program with its key, or a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Principal {
    Key(ApiKeyId),
    User(UserId),
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::User(user) => user.fmt(f),
        }
    }
}

/// Somebody who has proven who they are, for one tenant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) tenant: TenantId,
    pub(crate) key: Principal,
    pub(crate) role: Option<Role>,
    pub(crate) permissions: PermissionSet,
}

impl Caller {
    /// As audit records and tasks name them.
    pub(crate) fn actor(&self) -> String {
        match self.key {
            Principal::Key(key) => format!("api key {key}"),
            Principal::User(user) => format!("user {user}"),
        }
    }

    pub(crate) fn may(&self, wanted: Permission) -> bool {
        self.permissions.contains(wanted)
    }
}

/// Who asks, as the guard has let them in: the only way a route learns its tenant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account(pub(crate) Caller);

impl FromRequest for Account {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().copied();
        std::future::ready(caller.map(Account).ok_or_else(|| {
            ApiError::new(Code::Unauthenticated, "this route lets nobody in: it asks for no sign-in")
        }))
    }
}
