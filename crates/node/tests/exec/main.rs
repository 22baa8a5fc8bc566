//! Tasks that go wrong, and tasks that want out. Each ends by the name of what ended it, leaves nothing, and the next one runs.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that panics says what is wrong")]

mod ends;
mod escapes;
mod said;
mod support;
