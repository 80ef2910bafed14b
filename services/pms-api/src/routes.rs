mod account;
mod accounts;
mod appointments;
mod door;
mod openapi;
mod patients;

use actix_web::web::{Data, ServiceConfig, get, resource};

use crate::context::Context;

/// Every route of this service.
pub(crate) fn configure(cfg: &mut ServiceConfig, context: &Data<Context>) {
    use actix_web::web::post;
    cfg.app_data(context.clone())
        .service(resource("/api/openapi.json").route(get().to(openapi::document)))
        .service(resource("/api/pms/tools").route(get().to(openapi::registry)))
        .service(resource("/api/pms/patients/search").route(get().to(patients::search)))
        .service(resource("/api/pms/patients/{patient}").route(get().to(patients::read)))
        .service(resource("/api/pms/patients").route(post().to(patients::create)))
        .service(resource("/api/pms/providers").route(get().to(accounts::providers)))
        .service(resource("/api/pms/appointment-types").route(get().to(accounts::appointment_types)))
        .service(resource("/api/pms/patients/{patient}/balance").route(get().to(accounts::balance)))
        .service(resource("/api/pms/patients/{patient}/insurance").route(get().to(accounts::insurance)))
        .service(resource("/api/pms/payments").route(post().to(accounts::pay)))
        .service(resource("/api/pms/appointments/availability").route(get().to(appointments::availability)))
        .service(resource("/api/pms/appointments").route(post().to(appointments::book)));
}
