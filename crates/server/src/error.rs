//! From a rule's [`Failure`] to what goes over the wire: status, code, sentence and next step. `docs/spec/wire.md`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use holdfast_protocol::wire::{ErrorBody, code};

use crate::rules::{Failure, PACK_MISSING};

/// Code of a request that took too long (408).
const TIMED_OUT: &str = "timed-out";

fn status(failure: &Failure) -> StatusCode {
    match failure {
        Failure::SignedOut | Failure::SignInRefused => StatusCode::UNAUTHORIZED,
        Failure::NotAllowed(_) => StatusCode::FORBIDDEN,
        Failure::NotFound => StatusCode::NOT_FOUND,
        Failure::AlreadyExists(_) | Failure::Conflict(_) => StatusCode::CONFLICT,
        Failure::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Failure::Refused(_) | Failure::Log(_) | Failure::PackMissing | Failure::CapsuleMissing => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Failure::Range { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
        Failure::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        Failure::TimedOut => StatusCode::REQUEST_TIMEOUT,
        Failure::Quota | Failure::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        Failure::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn code_and_next(failure: &Failure) -> (&'static str, &'static str) {
    match failure {
        Failure::SignedOut => (code::SIGNED_OUT, "Sign in again."),
        Failure::SignInRefused => (
            code::SIGN_IN_REFUSED,
            "Check the handle, the Master Key, the server's address and this computer's clock.",
        ),
        Failure::NotAllowed(_) => (
            code::NOT_ALLOWED,
            "Ask an owner of the project, or the operator of the server.",
        ),
        Failure::NotFound => (code::NOT_FOUND, "Check the name, and whether you are a member."),
        Failure::AlreadyExists(_) => (code::ALREADY_EXISTS, "Choose another name."),
        Failure::Conflict(_) => (code::CONFLICT, "Read what is new and try again."),
        Failure::TooLarge => (code::TOO_LARGE, "Send less at once."),
        Failure::Refused(_) => (code::REFUSED, "Update the program; if it is up to date, report this."),
        Failure::Log(refusal) => (refusal.code(), "Read what is new and check the change again."),
        Failure::PackMissing => (PACK_MISSING, "Upload the missing packs and try again."),
        Failure::CapsuleMissing => (code::CAPSULE_MISSING, "Send the capsule and try again."),
        Failure::Range { .. } => (code::REFUSED, "Ask for bytes inside of the pack."),
        Failure::RateLimited { .. } => (code::RATE_LIMITED, "Wait and try again."),
        Failure::TimedOut => (TIMED_OUT, "Try again."),
        Failure::Quota => (code::QUOTA, "Remove what is not needed, or ask the operator for more."),
        Failure::DiskFull => (code::DISK_FULL, "Tell the operator of the server; nothing was changed."),
        Failure::Internal(_) => (
            code::INTERNAL,
            "Try again; if it stays, tell the operator of the server.",
        ),
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if let Self::Internal(why) = &self {
            tracing::error!(why, "a request failed inside the server");
        }
        let (code, next) = code_and_next(&self);
        let body = ErrorBody {
            code: code.into(),
            message: self.to_string(),
            next: next.into(),
        };
        let mut response = (status(&self), Json(body)).into_response();
        let headers = response.headers_mut();
        match self {
            Self::RateLimited { seconds } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Self::SignedOut => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Range { bytes } => {
                let value = HeaderValue::from_str(&format!("bytes */{bytes}"));
                headers.insert(header::CONTENT_RANGE, value.expect("digits are a header value"));
            }
            _ => {}
        }
        response
    }
}
