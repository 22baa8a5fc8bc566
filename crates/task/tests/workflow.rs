//! Workflows: the order of steps and runs, each refusal by its field, and files that mean harm.

use holdfast_task::{LARGEST_WORKFLOW, Source, Workflow};

const GOOD: &str = r#"
    format = 1
    name = "Prepare and train"
    project = "Brain scans"
    [steps.train]
    task = "Train@2"
    nodes = ["gpu-1", "gpu-2"]
    inputs = { clean = "steps.prepare.outputs.clean" }
    params = { epochs = 10 }
    grid = { rate = [0.1, 0.01], seed = [1, 2, 3] }
    retry = 1
    [steps.prepare]
    task = "Prepare"
    node = "cpu-box"
    inputs = { raw = "Scans@3" }
    [steps.compare]
    task = "Compare"
    node = "cpu-box"
    inputs = { model = "steps.train.outputs.model", first = "steps.train.1.outputs.model" }
    secrets = { token = "GitHub token" }
    needs = ["prepare"]
"#;

#[test]
fn steps_come_after_what_they_wait_for() {
    let workflow = Workflow::parse(GOOD).expect("it is good");
    let names: Vec<&str> = workflow.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["prepare", "train", "compare"]);
    let jobs = workflow.jobs();
    let labels: Vec<&str> = jobs.iter().map(|job| job.label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "prepare", "train#1", "train#2", "train#3", "train#4", "train#5", "train#6", "compare"
        ]
    );
    let of = |number: usize| {
        let params = &jobs[number].params;
        (
            params["rate"].as_str(),
            params["seed"].as_str(),
            params["epochs"].as_str(),
        )
    };
    assert_eq!(of(1), ("0.1", "1", "10"));
    assert_eq!(of(3), ("0.1", "3", "10"));
    assert_eq!(of(4), ("0.01", "1", "10"));
    assert_eq!(
        workflow.step("compare").map(|step| step.inputs["first"].clone()),
        Some(Source::Output {
            step: "train".into(),
            run: Some(1),
            output: "model".into()
        })
    );
}

#[test]
fn what_is_wrong_is_named() {
    let change = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        Workflow::parse(&GOOD.replace(from, to)).expect_err(to).to_string()
    };
    for (from, to, said) in [
        ("format = 1", "format = 2", "format: is missing or not known here"),
        (
            "steps.prepare.outputs",
            "steps.prepar.outputs",
            "steps.train.inputs.clean: names the step \"prepar\"",
        ),
        (
            "[\"prepare\"]",
            "[\"nothing\"]",
            "steps.compare.needs: names the step \"nothing\"",
        ),
        (
            "\"Scans@3\"",
            "\"steps.compare.outputs.x\"",
            "steps: wait for each other: compare, prepare, train",
        ),
        (
            "steps.train.1.",
            "steps.train.7.",
            "steps.compare.inputs.first: names a run that train does not have",
        ),
        (
            "steps.train.1.outputs",
            "steps.train.1.inputs",
            "steps.compare.inputs.first: ",
        ),
        ("retry = 1", "retry = 10", "steps.train.retry: "),
        ("retry = 1", "retries = 1", "steps.train: \"retries\" has no place here"),
        (
            "{ epochs = 10 }",
            "{ rate = 10 }",
            "steps.train.grid.rate: stands in params as well",
        ),
        ("[1, 2, 3]", "[]", "steps.train.grid.seed: is empty"),
        ("[1, 2, 3]", "7", "steps.train.grid.seed: is no list"),
        ("node = \"cpu-box\"", "node = \"a\"\nnodes = [\"b\"]", "steps."),
        (
            "[\"gpu-1\", \"gpu-2\"]",
            "[]",
            "steps.train.node: must name where it runs",
        ),
        ("name = \"Prepare and train\"", "", "name: is missing"),
        ("format = 1", "format = ", "the workflow: line 2 is not TOML"),
    ] {
        let fault = change(from, to);
        assert!(fault.starts_with(said), "{to}: {fault}");
    }
}

#[test]
fn hostile_files_are_bounded() {
    let many: String = (0..40)
        .map(|n| format!("p{n} = [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"))
        .collect();
    let grid = GOOD.replace("grid = { rate = [0.1, 0.01], seed = [1, 2, 3] }\n", "") + "\n[steps.train.grid]\n" + &many;
    let fault = Workflow::parse(&grid).expect_err("too many");
    assert_eq!(fault.field, "steps", "{fault}");
    assert!(Workflow::parse(&" ".repeat(LARGEST_WORKFLOW + 1)).is_err());
    assert!(Workflow::parse(&"[".repeat(100_000)).is_err());
}
