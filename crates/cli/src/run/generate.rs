//! `holdfast secret generate`: passwords made here, kept nowhere. Needs no profile.

use super::Answer;
use super::unlock::done;
use crate::args::SecretGenerate;
use crate::output::{self, tell};

pub(super) fn generate(args: &SecretGenerate) -> Answer {
    let view = holdfast_commands::generate(&args.recipe(), &mut holdfast_engine::rng())?;
    Ok((done(&view)?, tell(output::generated)))
}
