mod access_document;
mod account;
mod accounts;
mod alerts;
mod api_keys;
mod appointments;
mod audit;
mod connections;
mod door;
mod guard;
mod identity;
mod insight;
mod insight_document;
mod mappings;
mod members;
mod openapi;
mod patients;
mod payments;
mod setup;
mod setup_document;
mod tasks;
mod writebacks;
mod writebacks_document;

use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig, get, resource, scope};

use crate::context::Context;

pub(crate) use account::{Caller, Principal};
#[cfg(test)]
pub(crate) use openapi::openapi;

/// Every route of this service, behind the guard.
pub(crate) fn configure(cfg: &mut ServiceConfig, context: &Data<Context>) {
    let guarding = context.clone();
    let guard = from_fn(move |request, next| guard::guard(guarding.clone(), request, next));
    cfg.app_data(context.clone()).service(scope("").configure(routes).wrap(guard));
}

/// Each of these needs a line in `permissions.rs`: one that has none lets nobody in.
fn routes(cfg: &mut ServiceConfig) {
    use actix_web::web::{delete, patch, post, put};
    cfg.service(resource("/api/pms/me").route(get().to(members::me)))
        .service(resource("/api/pms/audit").route(get().to(audit::list)))
        .service(
            resource("/api/pms/api-keys").route(get().to(api_keys::list)).route(post().to(api_keys::create)),
        )
        .service(resource("/api/pms/api-keys/{key}").route(delete().to(api_keys::revoke)))
        .service(resource("/api/pms/members").route(get().to(members::list)).route(put().to(members::put)))
        .service(resource("/api/pms/members/{user}").route(delete().to(members::remove)))
        .service(resource("/api/openapi.json").route(get().to(openapi::document)))
        .service(resource("/api/pms/tools").route(get().to(openapi::registry)))
        .service(resource("/api/pms/patients/search").route(get().to(patients::search)))
        .service(
            resource("/api/pms/patients/{patient}")
                .route(get().to(patients::read))
                .route(patch().to(patients::update)),
        )
        .service(resource("/api/pms/providers").route(get().to(accounts::providers)))
        .service(resource("/api/pms/appointment-types").route(get().to(accounts::appointment_types)))
        .service(resource("/api/pms/patients/{patient}/balance").route(get().to(accounts::balance)))
        .service(resource("/api/pms/patients/{patient}/insurance").route(get().to(accounts::insurance)))
        .service(resource("/api/pms/payments").route(post().to(accounts::pay)))
        .service(resource("/api/pms/payments/taken").route(post().to(payments::announce)))
        .service(resource("/api/pms/appointments/availability").route(get().to(appointments::availability)))
        .service(resource("/api/pms/setup").route(post().to(setup::connect)))
        .service(resource("/api/pms/status").route(get().to(setup::status)))
        .service(resource("/api/pms/connections").route(get().to(connections::list)))
        .service(
            resource("/api/pms/connections/{id}")
                .route(get().to(connections::show))
                .route(patch().to(connections::change)),
        )
        .service(resource("/api/pms/connections/{id}/test").route(post().to(connections::test)))
        .service(resource("/api/pms/connections/{id}/enable").route(post().to(connections::enable)))
        .service(resource("/api/pms/connections/{id}/disable").route(post().to(connections::disable)))
        .service(
            resource("/api/pms/connections/{id}/clinicians")
                .route(get().to(mappings::clinicians))
                .route(put().to(mappings::put_clinicians)),
        )
        .service(
            resource("/api/pms/connections/{id}/appointment-types")
                .route(get().to(mappings::kinds))
                .route(put().to(mappings::put_kinds)),
        )
        .service(resource("/api/pms/identity").route(get().to(identity::show)).route(put().to(identity::put)))
        .service(resource("/api/pms/tasks").route(get().to(tasks::list)))
        .service(resource("/api/pms/alerts").route(get().to(alerts::list)))
        .service(resource("/api/pms/alerts/{id}").route(get().to(alerts::show)))
        .service(resource("/api/pms/alerts/{id}/resolve").route(post().to(alerts::resolve)))
        .service(
            resource("/api/pms/alert-destinations")
                .route(get().to(alerts::destinations))
                .route(post().to(alerts::add_destination)),
        )
        .service(resource("/api/pms/alert-destinations/{id}").route(delete().to(alerts::remove_destination)))
        .service(resource("/api/pms/usage").route(get().to(insight::usage)))
        .service(resource("/api/pms/reports").route(get().to(insight::reports)))
        .service(resource("/api/pms/reports/{name}").route(get().to(insight::report)))
        .service(resource("/api/pms/tasks/{task}/done").route(post().to(tasks::done)))
        .service(resource("/api/pms/writebacks").route(get().to(writebacks::list)))
        .service(resource("/api/pms/writebacks/plan").route(post().to(writebacks::plan)))
        .service(resource("/api/pms/writebacks/replay").route(post().to(writebacks::replay)))
        .service(resource("/api/pms/writebacks/replays/{run}").route(get().to(writebacks::run)))
        .service(resource("/api/pms/writebacks/replays/{run}/stop").route(post().to(writebacks::stop)))
        .service(resource("/api/pms/writebacks/{id}").route(get().to(writebacks::show)))
        .service(resource("/api/pms/writebacks/{id}/settle").route(post().to(writebacks::settle)))
        .service(resource("/api/pms/writebacks/{id}/drop").route(post().to(writebacks::give_up)))
        .service(
            resource("/api/pms/patients/{patient}/appointments").route(get().to(appointments::of_patient)),
        )
        .service(resource("/api/pms/patients/{patient}/notes").route(post().to(patients::note)))
        .service(
            resource("/api/pms/appointments/{appointment}")
                .route(patch().to(appointments::reschedule))
                .route(delete().to(appointments::cancel)),
        )
        .service(resource("/api/pms/patients").route(post().to(patients::create)))
        .service(resource("/api/pms/appointments").route(post().to(appointments::book)));
}
