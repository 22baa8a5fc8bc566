//! Bars for long work, on standard error and only where somebody looks at it.

use holdfast_engine::ports::{Progress, Stage, Step};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// One line that says what is being done, how far it is, how fast it goes and how long it takes still.
pub(crate) struct Bars(ProgressBar);

const WITH_TOTAL: &str = "{msg:<9} {bar:24} {bytes}/{total_bytes}  {bytes_per_sec}  about {eta} left  {prefix}";
/// Of things that are counted, not measured.
const PROJECTS: &str = "{msg:<9} {bar:24} {pos}/{len} projects";
const WITHOUT_TOTAL: &str = "{msg:<9} {spinner} {bytes}  {prefix}";
const SHORT: &str = "{msg:<9} {spinner}";

impl Bars {
    /// Nothing is drawn before the first report, nor where standard error is not a terminal.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style(SHORT));
        Self(bar)
    }

    /// Says what is being done when there is nothing to count.
    pub(crate) fn doing(&self, what: &'static str) {
        self.0.set_message(what);
        self.0.tick();
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bars {
    fn report(&self, step: Step) {
        let word = word(step.stage);
        if self.0.message() != word {
            self.0.reset_eta();
            self.0.set_message(word);
        }
        let files = match (step.files, step.files_total) {
            (_, 0) => String::new(),
            (done, total) if step.stage == Stage::Resealing => format!("{done}/{total} items"),
            (done, total) => format!("{done}/{total} files"),
        };
        self.0.set_prefix(files);
        self.0.set_style(style(template(step)));
        if step.total > 0 {
            self.0.set_length(step.total);
        }
        self.0.set_position(step.done);
    }
}

fn template(step: Step) -> &'static str {
    match (step.stage, step.total, step.done) {
        (_, 0, 0) => SHORT,
        (_, 0, _) => WITHOUT_TOTAL,
        (Stage::Rewrapping, ..) => PROJECTS,
        _ => WITH_TOTAL,
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates above are checked by a test; a plain line is no reason to fail.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("=> ").tick_chars("-\\|/ ")
}

fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::Keys => "keys",
        Stage::Reading => "reading",
        Stage::Sending => "sending",
        Stage::Receiving => "fetching",
        Stage::Copying => "copying",
        Stage::Checking => "checking",
        Stage::Committing => "finishing",
        Stage::Rewrapping => "locking",
        Stage::Resealing => "locking again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_ones() {
        for template in [WITH_TOTAL, PROJECTS, WITHOUT_TOTAL, SHORT] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn projects_are_not_measured_in_bytes() {
        let step = |stage, total| Step {
            total,
            ..Step::at(stage)
        };
        assert_eq!(template(step(Stage::Rewrapping, 3)), PROJECTS);
        assert_eq!(template(step(Stage::Sending, 3)), WITH_TOTAL);
        assert_eq!(template(step(Stage::Rewrapping, 0)), SHORT);
    }
}
