//! The parts of the test run. A part is offered when its tests exist.
//!
//! `unit` is every package but `holdfast-tests`. Inside that package a test binary named as one of
//! [`NAMED`] is a part of its own; all other binaries together are `e2e`.

use anyhow::Result;

use crate::process::Exit;
use crate::workspace::Metadata;

/// The package of the tests that start real programs.
const JOURNEYS: &str = "holdfast-tests";

/// Test binaries of that package that are a part of their own.
const NAMED: [&str; 5] = ["journeys", "nodes", "reader", "hostile", "peers"];

/// The one whose tests open the window.
const WINDOWED: &str = "journeys";

/// Those whose tests carry tasks out behind walls.
const CARRYING: [&str; 2] = ["nodes", "sees"];

/// The one whose tests start the second reader.
const READING: &str = "reader";

/// One part: a name, and for those in `holdfast-tests` the binaries it has there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    binaries: Vec<String>,
}

/// The parts that this workspace has tests for.
pub(crate) fn of(meta: &Metadata) -> Vec<Part> {
    let members = meta.members();
    let binaries = members.get(JOURNEYS).map_or_else(Vec::new, |package| {
        package
            .targets
            .iter()
            .filter(|target| target.kind.iter().any(|kind| kind == "test"))
            .map(|target| target.name.clone())
            .collect()
    });
    from_binaries(binaries)
}

pub(super) fn from_binaries(binaries: Vec<String>) -> Vec<Part> {
    let (own, e2e): (Vec<_>, Vec<_>) = binaries.into_iter().partition(|name| NAMED.contains(&name.as_str()));
    let mut parts = vec![Part {
        name: "unit".to_owned(),
        binaries: Vec::new(),
    }];
    if !e2e.is_empty() {
        parts.push(Part {
            name: "e2e".to_owned(),
            binaries: e2e,
        });
    }
    parts.extend(own.into_iter().map(|name| Part {
        name: name.clone(),
        binaries: vec![name],
    }));
    parts
}

/// The part of that name.
///
/// # Errors
///
/// Exit code 2 and the list of what there is.
pub(crate) fn find<'p>(parts: &'p [Part], name: &str) -> Result<&'p Part> {
    parts.iter().find(|part| part.name == name).ok_or_else(|| {
        let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
        Exit::usage(format!("there is no part `{name}`; there is: {}", names.join(", ")))
    })
}

/// The part that a case belongs to. `group` is `package` or `package::binary`, as the runners say it.
pub(crate) fn home_of<'p>(parts: &'p [Part], group: &str) -> &'p str {
    let binary = group.rsplit("::").next().unwrap_or(group);
    let in_tests = group.starts_with(JOURNEYS) || group.starts_with("holdfast_tests");
    parts
        .iter()
        .find(|part| part.binaries.iter().any(|name| name == binary))
        .or_else(|| parts.iter().find(|part| in_tests && part.name == "e2e"))
        .map_or("unit", |part| part.name.as_str())
}

impl Part {
    fn is_unit(&self) -> bool {
        self.name == "unit"
    }

    /// Says whether its tests start our own programs.
    pub(crate) fn needs_programs(&self) -> bool {
        !self.is_unit()
    }

    /// Says whether its tests open the window.
    pub(crate) fn needs_a_window(&self) -> bool {
        self.binaries.iter().any(|name| name == WINDOWED)
    }

    /// Says whether its tests carry tasks out behind walls: those of the crates themselves, too.
    pub(crate) fn carries_tasks_out(&self) -> bool {
        self.is_unit() || self.binaries.iter().any(|name| CARRYING.contains(&name.as_str()))
    }

    /// Says whether its tests start the second reader.
    pub(crate) fn needs_the_reader(&self) -> bool {
        self.binaries.iter().any(|name| name == READING)
    }

    /// The group of a case that belongs to the part as a whole.
    pub(crate) fn group(&self) -> String {
        self.binaries
            .first()
            .map_or_else(|| "workspace".to_owned(), Clone::clone)
    }

    /// As a filter for nextest.
    pub(crate) fn filter(&self) -> String {
        if self.is_unit() {
            return format!("not package({JOURNEYS})");
        }
        let binaries: Vec<_> = self.binaries.iter().map(|name| format!("binary(={name})")).collect();
        format!("package({JOURNEYS}) and ({})", binaries.join(" or "))
    }

    /// As arguments behind `cargo test --workspace`.
    pub(crate) fn cargo_args(&self) -> Vec<&str> {
        if self.is_unit() {
            return vec!["--exclude", JOURNEYS];
        }
        self.binaries.iter().flat_map(|name| ["--test", name]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Vec<Part> {
        from_binaries(["main_job", "hostile", "kill"].map(str::to_owned).to_vec())
    }

    #[test]
    fn offers_only_what_has_tests() {
        let names = |parts: Vec<Part>| parts.into_iter().map(|part| part.name).collect::<Vec<_>>();
        assert_eq!(names(parts()), ["unit", "e2e", "hostile"]);
        assert_eq!(names(from_binaries(Vec::new())), ["unit"]);
    }

    #[test]
    fn an_unknown_part_is_a_usage_error_that_lists_the_others() {
        let error = find(&parts(), "peers").unwrap_err();
        assert!(error.to_string().contains("unit, e2e, hostile"), "{error}");
        assert_eq!(error.downcast_ref::<Exit>().map(|exit| exit.code), Some(2));
    }

    #[test]
    fn every_case_has_a_home() {
        let parts = parts();
        assert_eq!(home_of(&parts, "holdfast-crypto"), "unit");
        assert_eq!(home_of(&parts, "holdfast-crypto::vectors"), "unit");
        assert_eq!(home_of(&parts, "holdfast-tests::main_job"), "e2e");
        assert_eq!(home_of(&parts, "holdfast-tests::hostile"), "hostile");
        assert_eq!(home_of(&parts, "kill"), "e2e");
        assert_eq!(home_of(&parts, "holdfast_tests"), "e2e");
    }

    #[test]
    fn filters_say_the_same_to_both_runners() {
        let parts = parts();
        assert_eq!(parts[0].filter(), "not package(holdfast-tests)");
        assert_eq!(parts[0].cargo_args(), ["--exclude", "holdfast-tests"]);
        assert_eq!(
            parts[1].filter(),
            "package(holdfast-tests) and (binary(=main_job) or binary(=kill))"
        );
        assert_eq!(parts[1].cargo_args(), ["--test", "main_job", "--test", "kill"]);
    }
}
