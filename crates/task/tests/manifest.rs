//! Manifests that are read, and those that are refused with the field's name.

use std::collections::BTreeMap;
use std::time::Duration;

use holdfast_task::{CEILINGS, Fault, Host, Image, InputKind, Kind, Limits, OutputKind, Runtime, Task, Value, to_json};
use proptest::prelude::*;

const WHOLE: &str = r#"
format = 1
name = "Fine-tune"
description = "Teaches the base model our words"
runtime = "python"
entry = "src/train.py"

[parameters.epochs]
type = "int"
default = 3
min = 1
max = 100
description = "How often everything is seen"

[parameters.rate]
type = "float"
min = 0
max = 1

[parameters.note]
type = "text"
optional = true

[parameters.shuffle]
type = "bool"
default = true

[parameters.size]
type = "choice"
choices = ["small", "large"]
default = "small"

[inputs.raw]
kind = "dataset"

[inputs.base]
kind = "model"
optional = true

[secrets.hub]
purpose = "Downloads the base model"
type = "api-key"
env = "HUB_TOKEN"
field = "key"

[secrets.store]
purpose = "Reads the bucket"
env = { AWS_ACCESS_KEY_ID = "access_key", AWS_SECRET_ACCESS_KEY = "secret_key" }

[outputs.weights]
kind = "model"
path = "model/weights"

[outputs.report]
kind = "artifact"

[limits]
time = "1h30m"
memory = "4 GiB"
cpus = 1.5
processes = 64
disk = "500 MB"
log = "1 MiB"

[network]
hosts = ["PyPI.org:443", "files.pythonhosted.org.:443", "pypi.org:443"]
"#;

const LEAST: &str = "format = 1\nname = \"Hello\"\nruntime = \"shell\"\nentry = \"hello.sh\"\n";

fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn everything_is_read() {
    let task = Task::parse(WHOLE.as_bytes()).unwrap();
    assert_eq!((task.name.as_str(), task.runtime), ("Fine-tune", Runtime::Python));
    assert_eq!(task.entry.as_deref(), Some("src/train.py"));
    assert_eq!(task.parameters["epochs"].default, Some(Value::Int(3)));
    assert_eq!(
        task.parameters["rate"].kind,
        Kind::Float {
            min: Some(0.0),
            max: Some(1.0)
        }
    );
    assert!(task.parameters["rate"].required() && !task.parameters["note"].required());
    assert_eq!(task.inputs["raw"].kind, InputKind::Dataset);
    assert!(task.inputs["base"].optional);
    assert_eq!(task.secrets["hub"].env["HUB_TOKEN"], "key");
    assert_eq!(task.secrets["store"].env.len(), 2);
    assert_eq!(task.outputs["weights"].kind, OutputKind::Model);
    assert_eq!(task.outputs["report"].path, "report");
    assert_eq!(
        task.limits,
        Limits {
            time: Duration::from_secs(5400),
            memory_bytes: 4 << 30,
            milli_cpus: 1500,
            processes: 64,
            disk_bytes: 500_000_000,
            log_bytes: 1 << 20,
        }
    );
    let hosts: Vec<_> = task.hosts.iter().map(Host::to_string).collect();
    assert_eq!(hosts, ["pypi.org:443", "files.pythonhosted.org:443"]);
}

#[test]
fn little_is_enough() {
    let task = Task::parse(LEAST.as_bytes()).unwrap();
    assert_eq!(task.limits, Limits::default());
    assert!(task.hosts.is_empty() && task.parameters.is_empty());
    assert_eq!(task.limits.within(CEILINGS), task.limits);
}

#[test]
fn containers_are_named_by_digest() {
    let digest = "a".repeat(64);
    let good = format!("format=1\nname=\"c\"\nruntime=\"container\"\nimage=\"ghcr.io/x/y:1@sha256:{digest}\"");
    let task = Task::parse(good.as_bytes()).unwrap();
    assert_eq!(task.entry, None);
    assert!(task.image.unwrap().as_str().starts_with("ghcr.io/x/y:1@"));
    for wrong in ["ubuntu:latest", "x@sha256:abc", "-x@sha256:", "--privileged@sha256:"] {
        let wrong = if wrong.ends_with(':') && wrong.contains('@') {
            format!("{wrong}{digest}")
        } else {
            wrong.to_owned()
        };
        assert!(Image::parse(&wrong).is_err(), "{wrong}");
    }
}

/// What is added or replaced, the field that is named, and a word of what is said.
const WRONG: [(&str, &str, &str); 40] = [
    ("format = 1 => format = 2", "format", "does not know"),
    ("format = 1 => ", "format", "is missing"),
    ("name = \"Hello\" => name = \"\"", "name", "is missing"),
    ("name = \"Hello\" => name = 3", "name", "must be a text, not a number"),
    ("name = \"Hello\" => name = \"a\\u001b[2J\"", "name", "not one line"),
    ("\"shell\" => \"perl\"", "runtime", "\"perl\" is none"),
    ("entry = \"hello.sh\" => ", "entry", "is missing"),
    ("\"hello.sh\" => \"../hello.sh\"", "entry", "stay inside"),
    ("\"hello.sh\" => \"/bin/sh\"", "entry", "stay inside"),
    ("\"hello.sh\" => \"a//b\"", "entry", "stay inside"),
    ("\"hello.sh\" => \"a\\\\b\"", "entry", "characters"),
    ("+ image = \"x\"", "image", "containers only"),
    ("+ limit = 3", "the file", "\"limit\" has no place here"),
    ("+ [parameters.x]\ntype = \"number\"", "parameters.x.type", "is no type"),
    ("+ [parameters.x]\nmin = 1", "parameters.x.type", "is missing"),
    (
        "+ [parameters.x]\ntype = \"int\"\nmin = \"1\"",
        "parameters.x.min",
        "must be a whole number, not a text",
    ),
    (
        "+ [parameters.x]\ntype = \"int\"\nmin = 2\nmax = 1",
        "parameters.x.min",
        "greater than max",
    ),
    (
        "+ [parameters.x]\ntype = \"int\"\nmax = 1\ndefault = 2",
        "parameters.x.default",
        "does not fit",
    ),
    (
        "+ [parameters.x]\ntype = \"float\"\nmin = nan",
        "parameters.x.min",
        "finite",
    ),
    (
        "+ [parameters.x]\ntype = \"float\"\ndefault = inf",
        "parameters.x.default",
        "does not fit",
    ),
    (
        "+ [parameters.x]\ntype = \"bool\"\nmin = 1",
        "parameters.x",
        "\"min\" has no place here",
    ),
    (
        "+ [parameters.x]\ntype = \"choice\"",
        "parameters.x.choices",
        "is missing",
    ),
    (
        "+ [parameters.x]\ntype = \"choice\"\nchoices = [\"a\", \"a\"]",
        "parameters.x.choices",
        "twice",
    ),
    (
        "+ [parameters.x]\ntype = \"choice\"\nchoices = [\"a\"]\ndefault = \"b\"",
        "parameters.x.default",
        "does not fit",
    ),
    (
        "+ [parameters.\"../x\"]\ntype = \"int\"",
        "parameters",
        "does not begin with a letter",
    ),
    ("+ [parameters]\nx = 3", "parameters.x", "must be a section"),
    ("+ [inputs.x]\nkind = \"file\"", "inputs.x.kind", "is none"),
    ("+ [inputs.\"a/b\"]\nkind = \"model\"", "inputs", "other characters"),
    ("+ [outputs.x]\nkind = \"dataset\"", "outputs.x.kind", "is none"),
    (
        "+ [outputs.x]\nkind = \"model\"\npath = \"../x\"",
        "outputs.x.path",
        "stay inside",
    ),
    (
        "+ [outputs.x]\nkind = \"model\"\n[outputs.y]\nkind = \"model\"\npath = \"x/y\"",
        "outputs.y.path",
        "same place",
    ),
    ("+ [secrets.x]", "secrets.x.purpose", "is missing"),
    (
        "+ [secrets.x]\npurpose = \"p\"\nenv = \"LD_PRELOAD\"\nfield = \"f\"",
        "secrets.x.env",
        "decides what runs",
    ),
    (
        "+ [secrets.x]\npurpose = \"p\"\nenv = \"X\"",
        "secrets.x.env",
        "must name variables",
    ),
    (
        "+ [secrets.x]\npurpose = \"p\"\nenv = {A=\"f\"}\n[secrets.y]\npurpose = \"p\"\nenv = {A=\"f\"}",
        "secrets.y.env",
        "as well",
    ),
    ("+ [limits]\ntime = \"8 d\"", "limits.time", "is not between"),
    ("+ [limits]\nmemory = \"lots\"", "limits.memory", "is no size"),
    ("+ [limits]\nprocesses = -1", "limits.processes", "is not between"),
    ("+ [network]\nhosts = [\"*.org:443\"]", "network.hosts", "has a *"),
    ("+ [network]\nhosts = [\"pypi.org\"]", "network.hosts", "has no port"),
];

#[test]
fn what_is_wrong_is_named_with_its_field_and_a_next_step() {
    for (change, field, said) in WRONG {
        let text = match change.split_once(" => ") {
            Some((from, to)) => LEAST.replacen(from, to, 1),
            None => format!("{LEAST}{}\n", change.strip_prefix("+ ").unwrap()),
        };
        assert_ne!(text, LEAST, "{change}");
        let fault = Task::parse(text.as_bytes()).expect_err(change);
        assert_eq!(fault.field, field, "{change}: {fault}");
        assert!(fault.what.contains(said), "{change}: {fault}");
        assert!(fault.next.ends_with('.') && fault.next.len() > 8, "{fault:?}");
    }
}

#[test]
fn a_file_that_is_no_manifest_is_refused() {
    let what = |bytes: &[u8]| Task::parse(bytes).unwrap_err().to_string();
    assert!(what(b"format = 1\nname = \n").contains("line 2"));
    assert!(what(b"\xff\xfe").contains("UTF-8"));
    assert!(what(&vec![b'#'; (64 << 10) + 1]).contains("64 KiB"));
    // Deep, and wide.
    assert!(Task::parse(format!("x = {}", "[".repeat(60_000)).as_bytes()).is_err());
    let many: String = (0..65).map(|n| format!("[inputs.i{n}]\nkind = \"model\"\n")).collect();
    assert!(what(format!("{LEAST}{many}").as_bytes()).contains("more than 64"));
    // A key that would write on a terminal.
    let shown = what(format!("{LEAST}\"\\u001b]0;x\\u0007\" = 1\n").as_bytes());
    assert!(!shown.contains('\u{1b}') && shown.contains("\\u{1b}"), "{shown}");
}

#[test]
fn values_get_their_one_form() {
    let task = Task::parse(WHOLE.as_bytes()).unwrap();
    let values = task
        .check(&given(&[("rate", " 1e-3 "), ("shuffle", "No"), ("epochs", "+7")]))
        .unwrap();
    assert_eq!(
        to_json(&values),
        r#"{"epochs":7,"rate":0.001,"shuffle":false,"size":"small"}"#
    );
    assert_eq!(values["rate"].to_string(), "0.001");
    assert_eq!(task.check(&given(&[("rate", "1")])).unwrap()["rate"].to_string(), "1.0");
}

#[test]
fn every_value_that_does_not_fit_is_named() {
    let task = Task::parse(WHOLE.as_bytes()).unwrap();
    let wrong = given(&[
        ("epochs", "101"),
        ("rate", "NaN"),
        ("shuffle", "maybe"),
        ("size", "Small"),
        ("seed", "1"),
        ("note", "a\u{0}"),
    ]);
    let faults = task.check(&wrong).unwrap_err();
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    let named = [
        "parameters.epochs",
        "parameters.note",
        "parameters.rate",
        "parameters.shuffle",
        "parameters.size",
        "parameters",
    ];
    assert_eq!(fields, named, "{faults:?}");
    assert!(faults[0].next.contains("from 1 to 100"), "{:?}", faults[0]);
    let missing: Vec<Fault> = task.check(&BTreeMap::new()).unwrap_err();
    assert_eq!(missing.len(), 1);
    assert!(missing[0].next.contains("--param rate="), "{:?}", missing[0]);
}

proptest! {
    /// Whatever a file holds, there is an answer, and what it quotes is fit to be shown.
    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0..WHOLE.len()) {
        let _ = Task::parse(&bytes);
        let mut text = WHOLE.as_bytes()[..cut].to_vec();
        text.extend(&bytes);
        if let Err(fault) = Task::parse(&text) {
            prop_assert!(!fault.to_string().chars().any(char::is_control));
        }
    }
}
