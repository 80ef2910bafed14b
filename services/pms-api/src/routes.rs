mod account;
mod accounts;
mod appointments;
mod connections;
mod door;
mod mappings;
mod openapi;
mod patients;
mod setup;
mod setup_document;
mod tasks;
mod writebacks;
mod writebacks_document;

use actix_web::web::{Data, ServiceConfig, get, resource};

use crate::context::Context;

/// Every route of this service.
pub(crate) fn configure(cfg: &mut ServiceConfig, context: &Data<Context>) {
    use actix_web::web::{delete, patch, post, put};
    cfg.app_data(context.clone())
        .service(resource("/api/openapi.json").route(get().to(openapi::document)))
        .service(resource("/api/pms/tools").route(get().to(openapi::registry)))
        .service(resource("/api/pms/patients/search").route(get().to(patients::search)))
        .service(resource("/api/pms/patients/{patient}").route(get().to(patients::read)))
        .service(resource("/api/pms/providers").route(get().to(accounts::providers)))
        .service(resource("/api/pms/appointment-types").route(get().to(accounts::appointment_types)))
        .service(resource("/api/pms/patients/{patient}/balance").route(get().to(accounts::balance)))
        .service(resource("/api/pms/patients/{patient}/insurance").route(get().to(accounts::insurance)))
        .service(resource("/api/pms/payments").route(post().to(accounts::pay)))
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
        .service(resource("/api/pms/tasks").route(get().to(tasks::list)))
        .service(resource("/api/pms/tasks/{task}/done").route(post().to(tasks::done)))
        .service(resource("/api/pms/writebacks").route(get().to(writebacks::list)))
        .service(resource("/api/pms/writebacks/plan").route(post().to(writebacks::plan)))
        .service(resource("/api/pms/writebacks/replay").route(post().to(writebacks::replay)))
        .service(resource("/api/pms/writebacks/replays/{run}").route(get().to(writebacks::run)))
        .service(resource("/api/pms/writebacks/{id}").route(get().to(writebacks::show)))
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
