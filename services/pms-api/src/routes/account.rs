use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use service::{ApiError, Code};
use store::ApiKeyOwner;

use crate::context::Context;

/// Whose API key came with the request: the only way a route learns its tenant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account(pub(crate) ApiKeyOwner);

impl FromRequest for Account {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let given = request
            .headers()
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .map(|key| seal::sha256(key.trim().as_bytes()));
        let context = request.app_data::<Data<Context>>().cloned();
        Box::pin(async move {
            let refused =
                || ApiError::new(Code::Unauthenticated, "give an API key as `Authorization: Bearer <key>`");
            let (Some(hash), Some(context)) = (given, context) else { return Err(refused()) };
            let mut tx = context.store.machinery().await?;
            let owner = tx.api_key_owner(&hash).await?;
            tx.commit().await?;
            owner.map(Account).ok_or_else(refused)
        })
    }
}
