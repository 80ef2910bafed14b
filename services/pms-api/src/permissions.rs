//! The one table of who may do what: each route with the permission it needs. A route that is not here is refused.
//! What a role may do stands in `domain::Role`; the scopes of API keys are these same permissions.

use domain::Permission as P;

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: everybody may read it.
    Nothing,
    /// To be somebody.
    SignIn,
    /// To be somebody who may do this.
    Permission(P),
}

/// What the table says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// This much is needed.
    Needs(Needs),
    /// The path is there with other methods.
    OtherMethods,
    /// It was forgotten.
    Nowhere,
}

const fn may(permission: P) -> Needs {
    Needs::Permission(permission)
}

/// Method, path as it is registered, and what it needs.
pub(crate) const TABLE: &[(&str, &str, Needs)] = &[
    ("GET", "/api/openapi.json", Needs::Nothing),
    ("GET", "/api/pms/tools", Needs::Nothing),
    ("GET", "/api/pms/me", Needs::SignIn),
    ("GET", "/api/pms/patients/search", may(P::PATIENTS_READ)),
    ("GET", "/api/pms/patients/{patient}", may(P::PATIENTS_READ)),
    ("POST", "/api/pms/patients", may(P::PATIENTS_WRITE)),
    ("PATCH", "/api/pms/patients/{patient}", may(P::PATIENTS_WRITE)),
    ("POST", "/api/pms/patients/{patient}/notes", may(P::NOTES_WRITE)),
    ("GET", "/api/pms/patients/{patient}/appointments", may(P::APPOINTMENTS_READ)),
    ("GET", "/api/pms/patients/{patient}/balance", may(P::ACCOUNTS_READ)),
    ("GET", "/api/pms/patients/{patient}/insurance", may(P::ACCOUNTS_READ)),
    ("POST", "/api/pms/payments", may(P::PAYMENTS_WRITE)),
    ("POST", "/api/pms/payments/taken", may(P::PAYMENTS_WRITE)),
    ("GET", "/api/pms/appointments/availability", may(P::APPOINTMENTS_READ)),
    ("POST", "/api/pms/appointments", may(P::APPOINTMENTS_WRITE)),
    ("PATCH", "/api/pms/appointments/{appointment}", may(P::APPOINTMENTS_WRITE)),
    ("DELETE", "/api/pms/appointments/{appointment}", may(P::APPOINTMENTS_WRITE)),
    ("GET", "/api/pms/providers", may(P::PRACTICE_READ)),
    ("GET", "/api/pms/appointment-types", may(P::PRACTICE_READ)),
    ("GET", "/api/pms/tasks", may(P::TASKS_READ)),
    ("POST", "/api/pms/tasks/{task}/done", may(P::TASKS_WRITE)),
    ("GET", "/api/pms/writebacks", may(P::WRITEBACKS_READ)),
    ("GET", "/api/pms/writebacks/{id}", may(P::WRITEBACKS_READ)),
    ("POST", "/api/pms/writebacks/plan", may(P::WRITEBACKS_READ)),
    ("POST", "/api/pms/writebacks/replay", may(P::WRITEBACKS_REPLAY)),
    ("GET", "/api/pms/writebacks/replays/{run}", may(P::WRITEBACKS_READ)),
    ("POST", "/api/pms/writebacks/replays/{run}/stop", may(P::WRITEBACKS_REPLAY)),
    ("POST", "/api/pms/writebacks/{id}/settle", may(P::WRITEBACKS_REPLAY)),
    ("POST", "/api/pms/writebacks/{id}/drop", may(P::WRITEBACKS_REPLAY)),
    ("POST", "/api/pms/setup", may(P::CONNECTIONS_MANAGE)),
    ("GET", "/api/pms/status", may(P::CONNECTIONS_READ)),
    ("GET", "/api/pms/connections", may(P::CONNECTIONS_READ)),
    ("GET", "/api/pms/connections/{id}", may(P::CONNECTIONS_READ)),
    ("PATCH", "/api/pms/connections/{id}", may(P::CONNECTIONS_MANAGE)),
    ("POST", "/api/pms/connections/{id}/test", may(P::CONNECTIONS_MANAGE)),
    ("POST", "/api/pms/connections/{id}/enable", may(P::CONNECTIONS_MANAGE)),
    ("POST", "/api/pms/connections/{id}/disable", may(P::CONNECTIONS_MANAGE)),
    ("GET", "/api/pms/connections/{id}/clinicians", may(P::CONNECTIONS_READ)),
    ("PUT", "/api/pms/connections/{id}/clinicians", may(P::CONNECTIONS_MANAGE)),
    ("GET", "/api/pms/connections/{id}/appointment-types", may(P::CONNECTIONS_READ)),
    ("PUT", "/api/pms/connections/{id}/appointment-types", may(P::CONNECTIONS_MANAGE)),
    ("GET", "/api/pms/identity", may(P::CONNECTIONS_READ)),
    ("PUT", "/api/pms/identity", may(P::CONNECTIONS_MANAGE)),
    ("GET", "/api/pms/alerts", may(P::REPORTS_READ)),
    ("GET", "/api/pms/alerts/{id}", may(P::REPORTS_READ)),
    ("POST", "/api/pms/alerts/{id}/resolve", may(P::ALERTS_MANAGE)),
    ("GET", "/api/pms/alert-destinations", may(P::ALERTS_MANAGE)),
    ("POST", "/api/pms/alert-destinations", may(P::ALERTS_MANAGE)),
    ("DELETE", "/api/pms/alert-destinations/{id}", may(P::ALERTS_MANAGE)),
    ("GET", "/api/pms/usage", may(P::REPORTS_READ)),
    ("GET", "/api/pms/reports", may(P::REPORTS_READ)),
    ("GET", "/api/pms/reports/{name}", may(P::REPORTS_READ)),
    ("GET", "/api/pms/audit", may(P::AUDIT_READ)),
    ("GET", "/api/pms/api-keys", may(P::API_KEYS_MANAGE)),
    ("POST", "/api/pms/api-keys", may(P::API_KEYS_MANAGE)),
    ("DELETE", "/api/pms/api-keys/{key}", may(P::API_KEYS_MANAGE)),
    ("GET", "/api/pms/members", may(P::MEMBERS_MANAGE)),
    ("PUT", "/api/pms/members", may(P::MEMBERS_MANAGE)),
    ("DELETE", "/api/pms/members/{user}", may(P::MEMBERS_MANAGE)),
];

/// What a request of this method at this registered path needs.
pub(crate) fn listed(method: &str, pattern: &str) -> Listed {
    let mut found = Listed::Nowhere;
    for (one, path, needs) in TABLE {
        if *path == pattern {
            if *one == method {
                return Listed::Needs(*needs);
            }
            found = Listed::OtherMethods;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The routes as `routes.rs` registers them: nobody can ask actix for them.
    fn registered() -> Vec<(String, String)> {
        let source = include_str!("routes.rs");
        let mut found = Vec::new();
        for part in source.split("resource(\"").skip(1) {
            let (path, rest) = part.split_once('"').unwrap();
            for handler in rest.split("route(").skip(1) {
                let method = handler.trim_start().split('(').next().unwrap();
                found.push((method.to_uppercase(), path.to_owned()));
            }
        }
        found
    }

    #[test]
    fn every_registered_route_has_a_line_and_every_line_a_route() {
        let registered = registered();
        assert!(registered.len() > 25, "the routes are not written as they were: {registered:?}");
        for (method, path) in &registered {
            assert!(matches!(listed(method, path), Listed::Needs(_)), "{method} {path} has no line");
        }
        for (method, path, _) in TABLE {
            let is_there = registered.iter().any(|(one, at)| one == method && at == path);
            assert!(is_there, "{method} {path} is in the table and nowhere else");
        }
    }

    #[test]
    fn every_operation_of_the_openapi_document_has_a_line() {
        let document = crate::routes::openapi();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let needs = listed(&method.to_uppercase(), path);
                assert!(matches!(needs, Listed::Needs(_)), "{method} {path} has no line");
                let Listed::Needs(Needs::Permission(permission)) = needs else { continue };
                assert_eq!(operation["x-permission"], permission.as_str(), "{method} {path}");
            }
        }
    }

    #[test]
    fn whatever_staff_are_told_to_do_about_a_write_has_a_route() {
        for verb in ["settle", "replay", "drop"] {
            assert!(writebacks::REASONS.iter().any(|reason| reason.next_action.contains(verb)), "{verb}");
            let route =
                |path: &&str| path.starts_with("/api/pms/writebacks") && path.ends_with(&format!("/{verb}"));
            assert!(
                TABLE.iter().any(|(method, path, _)| *method == "POST" && route(path)),
                "{verb} has no route"
            );
        }
    }

    #[test]
    fn what_is_in_no_line_is_refused_and_what_only_reads_nothing_of_a_tenants_is_open() {
        assert_eq!(listed("GET", "/api/pms/new-thing"), Listed::Nowhere);
        assert_eq!(listed("DELETE", "/api/pms/appointments"), Listed::OtherMethods);
        let open: Vec<&str> =
            TABLE.iter().filter(|line| line.2 == Needs::Nothing).map(|line| line.1).collect();
        assert_eq!(open, ["/api/openapi.json", "/api/pms/tools"]);
    }
}
