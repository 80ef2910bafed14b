mod observe;
mod request_id;
mod server;
mod status;

pub use request_id::RequestId;

pub(crate) use request_id::REQUEST_ID;
pub(crate) use server::{Doors, serve};
pub(crate) use status::Status;
