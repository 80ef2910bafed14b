use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _};
use domain::Permission;
use service::{ApiError, Code};

use super::account::Caller;
use crate::context::Context;
use crate::permissions::{Listed, Needs, listed};
use crate::refusals::Refusal;
use crate::sign_ins;

/// Stands before every route: who is it, and may they?
pub(crate) async fn guard(
    context: Data<Context>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // Where no route is, there is nothing to guard: 404.
    // The path as the router reads it: `%69` is an `i` to it, and has to be one here.
    let pattern = request.resource_map().match_pattern(request.match_info().as_str());
    let Some(pattern) = pattern.filter(|pattern| !pattern.is_empty()) else {
        return next.call(request).await;
    };
    let needs = needs(request.method().as_str(), &pattern)?;
    if needs == Needs::Nothing {
        return next.call(request).await;
    }
    let caller = sign_ins::caller(&context, request.headers()).await?;
    if let Needs::Permission(wanted) = needs
        && !caller.may(wanted)
    {
        let what = format!("{} {pattern}", request.method());
        return Err(refusal(&context, &caller, wanted, &what).await.into());
    }
    request.extensions_mut().insert(caller);
    next.call(request).await
}

/// What a route needs. One that nobody has given a line is shut.
fn needs(method: &str, pattern: &str) -> Result<Needs, ApiError> {
    match listed(method, pattern) {
        Listed::Needs(needs) => Ok(needs),
        Listed::OtherMethods => Err(ApiError::new(Code::MethodNotAllowed, "this path has other methods")),
        Listed::Nowhere => {
            tracing::error!(http.route = pattern, "a route is in no line of the table of permissions");
            Err(ApiError::new(Code::Forbidden, "nobody may reach this"))
        }
    }
}

/// The refusal of somebody who may not do this, after it was written down.
pub(crate) async fn refusal(context: &Context, caller: &Caller, wanted: Permission, what: &str) -> ApiError {
    metrics::counter!("access_refused_total", "permission" => wanted.as_str()).increment(1);
    let refusal = Refusal {
        tenant: caller.tenant,
        actor: caller.actor(),
        action: "access.refused",
        why: vec![("permission", wanted.to_string()), ("route", what.to_owned())],
    };
    match context.refusals.record(&context.store, refusal).await {
        Ok(()) => {
            let message = format!("this needs the permission `{wanted}`, which you do not have");
            ApiError::new(Code::Forbidden, message)
        }
        // A refusal that nobody could read about later is not given.
        Err(error) => ApiError::unavailable(std::time::Duration::from_secs(5)).because(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p6_a_route_that_is_in_no_line_of_the_table_is_shut() {
        assert!(matches!(needs("GET", "/api/pms/tasks"), Ok(Needs::Permission(Permission::TASKS_READ))));
        let told = |method: &str, pattern: &str| needs(method, pattern).err().map(|error| error.code());
        assert_eq!(told("GET", "/api/pms/forgotten/{id}"), Some(Code::Forbidden));
        assert_eq!(told("DELETE", "/api/pms/tasks"), Some(Code::MethodNotAllowed));
    }
}
