//! What in this sandbox is documented by the vendor and what is assumed, said at start and on `/admin/banner`.

use actix_web::web::Json;
use serde::Serialize;

use crate::{oidc, vapi};

const DOCUMENTED: &[&str] = &[
    "paths, parameter names, field names, receipt and error bodies and codes of the Sikka v4 documentation export of March 2026",
    "authorized_practices with App-Id and App-Key; request_key and refresh_key grants; keys of 24 hours; Request-Key-Expires",
    "one envelope of strings; offset is a page index; limit 50 by default and 5000 at most; 204 without a body for nothing found",
    "fields=, lightweight=, find=; operatory and the second and third phone only when asked for",
    "operatories want cust_id; practice_id repeats across offices; zones are Windows names; local times without a zone",
    "an expired key is 400 API1025; a made-up path is 405 API2014; the plan's limits are 401 API2004",
    "a write is answered at once with a receipt whose id stands only in long_message and more_information",
    "check_spu with the utility off is 412 API2017 with log_message",
    "writeback_status and writebacks; a range of at most 7 days; only a pending write can be deleted",
    "GETs read a copy that lags the PMS; 15 minutes is the vendor's best interval",
    "the slots feed has rows for OrthoTrac, Dolphin and Planet DDS only, whose bookings are checked against it",
    "patient_balance, subscribers, insurance_companies (names only in get_all), transactions and payment_types; POST transaction posts to the ledger and charges no card",
    "required fields per PMS of a new appointment and a new patient",
    "X-Rate-Limit headers over a window of 60 seconds; 250 was seen in 2024 and 2026",
    "a note wants patient, type, date, text, provider and practice; its type is one of note_types",
    "change webhooks: Data_Refresh, patient, transaction and appointments with a callback-key and no records; practice_id is a number in Data_Refresh; 3xx, 4xx, 5xx and silence fail, and after five failures the webhook is silent",
    "a location that is off is not served; practice_location switches it on; a new office answers API2010 until its data is there",
    "API0008 arrives with HTTP 200 and means that nothing was logged",
];

const ASSUMED: &[&str] = &[
    "the window is counted per request key (per application for its own calls), and over it 429 comes as plain text",
    "a missing field is 400 API1020 and a malformed one 400 API1026 before the receipt; the rest fails later in the PMS",
    "failed writes say status Failed and result failed; conflicts say \"appointment already scheduled\"",
    "a write takes 20 to 160 seconds, evenly drawn",
    "a booking conflicts with any standing appointment in the same operatory or with the same provider",
    "free text with < > or & is refused by the PMS",
    "a refresh brings a new request key and the same refresh key; old request keys live to their end",
    "a revoked or unknown request key is 400 API1004; a location that is off is 401 API2007",
    "cell, homephone, workphone and phone compare digits exactly; phone looks at all three; search looks for seven digits or more",
    "practice_schedule: HH:mm, resource types practice, operatory and provider, weeks from Monday, holidays on the practice's row",
    "patient_due is what insurance_due leaves of patient_balance; a payment type's flags filter the list and are shown in no row",
    "cancelled appointments stay in the list under the PMS's own word, unless the dial cancelled_vanish is on",
    "operatories and practice_schedule have no filter for a location: with second_location the rows of both stand in one list; a clinician booked at one location is busy at both",
    "note_types are Clinical Note and Patient Note; a note gets a note_id, and medical_notes shows it with get_all",
    "times of writeback_status and writebacks are practice-local; start_time and end_time of a key are UTC",
    "PUT without provider_id is refused, because its table says required",
    "a write submitted while the utility is off waits for ever and starts anew when it returns",
    "an install notice is flat PascalCase JSON without any header that proves it, Status Active or Cancelled, told once or several times, before authorized_practices shows the office (one integrator's word)",
    "a webhook that fails is told again after 2, 4, 8 and 16 seconds; a cancelled office is no longer listed and its location is off",
    "unknown query parameters are ignored",
    "rate windows run on the machine's clock; keys, copies and writes run on the simulated one",
];

/// What the sandbox claims (`GET /admin/banner`).
#[derive(Debug, Serialize)]
pub(super) struct Banner {
    what: &'static str,
    sikka: Claims,
    vapi: Claims,
    oidc: Claims,
}

/// What one simulator rests on.
#[derive(Debug, Serialize)]
struct Claims {
    documented: &'static [&'static str],
    assumed: &'static [&'static str],
}

const BANNER: Banner = Banner {
    what: "This is a simulator. It shows that a client keeps to what is documented and to the assumptions listed \
           here; it shows nothing about the vendors' own services. All people in it are invented.",
    sikka: Claims { documented: DOCUMENTED, assumed: ASSUMED },
    vapi: Claims { documented: vapi::DOCUMENTED, assumed: vapi::ASSUMED },
    oidc: Claims { documented: oidc::DOCUMENTED, assumed: oidc::ASSUMED },
};

pub(super) async fn show() -> Json<Banner> {
    Json(BANNER)
}

/// The banner as log lines.
pub fn lines() -> impl Iterator<Item = String> {
    let vendors = [("sikka", BANNER.sikka), ("vapi", BANNER.vapi), ("oidc", BANNER.oidc)];
    let claims = vendors.into_iter().flat_map(|(vendor, claims)| {
        let documented = claims.documented.iter().map(move |line| format!("{vendor}, documented: {line}"));
        documented.chain(claims.assumed.iter().map(move |line| format!("{vendor}, assumed: {line}")))
    });
    std::iter::once(BANNER.what.to_owned()).chain(claims)
}
