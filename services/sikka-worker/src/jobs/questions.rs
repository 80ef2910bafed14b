mod accounts;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bus::{Letter, topology};
use domain::{Sensitive, WritebackId};
use jiff::Timestamp;
use messages::{Named as _, Unreadable, v1};
use pms::{Advice, DayBookQuery, ErrorKind, Operation, PatientBookQuery, PatientQuery, PmsError};
use store::DueConnection;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use writebacks::Offices as _;

use crate::connect::Heard;
use crate::context::Context;

/// How long a look for writes takes at most, whoever waits for it.
const MOST_FOR_WRITES: Duration = Duration::from_secs(30);

/// Answers `pms.query.sikka`: what a practice's system holds.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let bus = context.bus.clone();
    let at_once = context.settings.questions_at_once;
    let handler = move |letter: Letter| {
        let context = context.clone();
        let span = tracing::info_span!("pms.query", message.id = %letter.message_id);
        if let Some(traceparent) = &letter.traceparent {
            telemetry::trace::follow(&span, traceparent);
        }
        async move {
            let reply = answer(&context, &letter).await;
            Letter::new(v1::PmsReply::NAME, reply.to_bytes())
        }
        .instrument(span)
    };
    bus.serve(topology::PMS_QUERY_SIKKA, at_once, handler, stop).await;
    Ok(())
}

async fn answer(context: &Arc<Context>, letter: &Letter) -> v1::PmsReply {
    let question = match read(letter) {
        Ok(question) => question,
        Err(error) => {
            tracing::error!(error = %error, "a question cannot be read");
            return problem(&PmsError::new(ErrorKind::Unreadable, Advice::Permanent), Duration::ZERO);
        }
    };
    let (due, ask) = question;
    let _place = context.place(due).await;
    let reply = asked(context, due, ask, deadline(letter)).await;
    if let Some(heard) = Heard::of(&reply) {
        // Whoever asked does not wait for it.
        let context = context.clone();
        tokio::spawn(async move { context.connector.heed(due, heard).await });
    }
    reply
}

async fn asked(context: &Context, due: DueConnection, ask: Ask, until: Instant) -> v1::PmsReply {
    match ask {
        Ask::DayBook(query) => match context.calendar(due, query).await {
            Ok((book, took)) => v1::PmsReply {
                answer: Some(v1::pms_reply::Answer::DayBook((*book).clone().into())),
                vendor_ms: ms(took),
            },
            Err(error) => problem(&error, Duration::ZERO),
        },
        Ask::PatientBook(query) => patient_book(context, due, &query).await,
        Ask::Account(ask) => accounts::answer(context, due, ask).await,
        Ask::Search(query) => patients(context, due, Operation::SearchPatients, query).await,
        Ask::Writes(ids) => match context.carrier.sight(due, &ids, until).await {
            Ok(seen) => v1::PmsReply {
                answer: Some(v1::pms_reply::Answer::Writes(v1::WriteSightings {
                    sightings: seen
                        .into_iter()
                        .map(|(id, seen)| v1::WriteSighting {
                            writeback_id: id.to_string(),
                            seen: seen.word().to_owned(),
                        })
                        .collect(),
                })),
                vendor_ms: 0.0,
            },
            Err(error) => problem(&error, Duration::ZERO),
        },
        Ask::Patient(vendor_id) => {
            let office = match context.offices.office(due.tenant, due.connection).await {
                Ok(office) => office,
                Err(error) => return problem(&error, Duration::ZERO),
            };
            let (found, took) = vendor_http::timed(office.patient(&vendor_id)).await;
            reply(found.map(|patient| patient.into_iter().collect()), took)
        }
    }
}

/// A little before whoever asked stops waiting: what is known by then still reaches them.
fn deadline(letter: &Letter) -> Instant {
    let left = letter.deadline.map_or(MOST_FOR_WRITES, |at| {
        Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default().min(MOST_FOR_WRITES)
    });
    Instant::now() + left.mul_f64(0.9)
}

async fn patient_book(context: &Context, due: DueConnection, query: &PatientBookQuery) -> v1::PmsReply {
    let office = match context.offices.office(due.tenant, due.connection).await {
        Ok(office) => office,
        Err(error) => return problem(&error, Duration::ZERO),
    };
    let (book, took) = vendor_http::timed(office.patient_book(query)).await;
    match book {
        Ok(book) => v1::PmsReply {
            answer: Some(v1::pms_reply::Answer::PatientBook(book.into())),
            vendor_ms: ms(took),
        },
        Err(error) => problem(&error, took),
    }
}

async fn patients(
    context: &Context,
    due: DueConnection,
    operation: Operation,
    query: PatientQuery,
) -> v1::PmsReply {
    let office = match context.offices.office(due.tenant, due.connection).await {
        Ok(office) if office.capabilities().allows(operation) => office,
        Ok(_) => return problem(&PmsError::unsupported(operation), Duration::ZERO),
        Err(error) => return problem(&error, Duration::ZERO),
    };
    let (found, took) = vendor_http::timed(office.search_patients(&query)).await;
    reply(found, took)
}

fn reply(found: Result<Vec<domain::Patient>, PmsError>, took: Duration) -> v1::PmsReply {
    match found {
        Ok(patients) => v1::PmsReply {
            answer: Some(v1::pms_reply::Answer::Patients(v1::Patients {
                patients: patients.into_iter().map(Into::into).collect(),
            })),
            vendor_ms: ms(took),
        },
        Err(error) => problem(&error, took),
    }
}

fn problem(error: &PmsError, took: Duration) -> v1::PmsReply {
    tracing::warn!(error = %error, "a practice's system could not be asked");
    let wait = match error.advice {
        Advice::RetryAfter(wait) => u32::try_from(wait.as_secs()).unwrap_or(u32::MAX),
        _ => 0,
    };
    v1::PmsReply {
        answer: Some(v1::pms_reply::Answer::Problem(v1::PmsProblem {
            kind: error.kind.word().to_owned(),
            code: error.code.clone().unwrap_or_default(),
            retry_after_s: wait,
        })),
        vendor_ms: ms(took),
    }
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}

enum Ask {
    Search(PatientQuery),
    Patient(String),
    DayBook(DayBookQuery),
    Writes(Vec<WritebackId>),
    PatientBook(PatientBookQuery),
    Account(accounts::Ask),
}

fn read(letter: &Letter) -> Result<(DueConnection, Ask), Unreadable> {
    let question = v1::PmsQuestion::from_bytes(&letter.body)?;
    let due = DueConnection {
        tenant: question.tenant_id.parse().map_err(|_| Unreadable::Field("tenant_id"))?,
        connection: question.connection_id.parse().map_err(|_| Unreadable::Field("connection_id"))?,
    };
    let ask = match question.ask.ok_or(Unreadable::Field("ask"))? {
        v1::pms_question::Ask::Search(search) => Ask::Search(PatientQuery {
            first_name: name(search.first_name),
            last_name: name(search.last_name),
            phone: search.phone.map(Into::into),
            born: Some(search.born)
                .filter(|born| !born.is_empty())
                .map(|born| born.parse().map(Sensitive::new).map_err(|_| Unreadable::Field("search.born")))
                .transpose()?,
        }),
        v1::pms_question::Ask::Patient(read) => Ask::Patient(read.vendor_id),
        v1::pms_question::Ask::Writes(look) => Ask::Writes(
            look.writeback_ids
                .iter()
                .map(|id| id.parse().map_err(|_| Unreadable::Field("writes.writeback_ids")))
                .collect::<Result<_, _>>()?,
        ),
        v1::pms_question::Ask::PatientBook(read) => Ask::PatientBook(PatientBookQuery {
            patient: read.patient,
            covers: read.covers.ok_or(Unreadable::Field("patient_book.covers"))?.try_into()?,
        }),
        v1::pms_question::Ask::DayBook(read) => Ask::DayBook(DayBookQuery {
            covers: read.covers.ok_or(Unreadable::Field("day_book.covers"))?.try_into()?,
        }),
        v1::pms_question::Ask::Clinicians(_) => Ask::Account(accounts::Ask::Clinicians),
        v1::pms_question::Ask::AppointmentTypes(_) => Ask::Account(accounts::Ask::AppointmentTypes),
        v1::pms_question::Ask::Balance(read) => Ask::Account(accounts::Ask::Balance(read.patient)),
        v1::pms_question::Ask::Insurance(read) => Ask::Account(accounts::Ask::Insurance(read.patient)),
    };
    Ok((due, ask))
}

fn name(text: String) -> Option<Sensitive<String>> {
    Some(text).filter(|text| !text.is_empty()).map(Sensitive::new)
}
