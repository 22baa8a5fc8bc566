//! Tests of everything but the RSA pair (which has its own files beside this folder): one binary, one file per subject.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod bare_secrets;
mod boxes;
mod golden;
mod kdf;
mod many_boxes;
mod phrase;
mod recovery;
mod rfc;
mod second;
mod sign;
mod strength;
mod support;
mod words;
mod wycheproof;
