//! The whole way on real data: prepare, train with four rates on two nodes, report; a teammate gets the bytes that the node made.

use holdfast_crypto::sha256;
use holdfast_tests::{Person, small_dataset};

use crate::stage::{files_of, of_ours, stage};

const WORKFLOW: &str = r#"
format = 1
name = "Penguins"
project = "Lab"

[steps.prepare]
task = "prepare"
node = "box-1"
inputs = { raw = "penguins" }

[steps.train]
task = "train"
nodes = ["box-1", "box-2"]
inputs = { data = "steps.prepare.outputs.clean" }
grid = { rate = [0.01, 0.1, 1.0, 3.0] }

[steps.report]
task = "report"
node = "box-2"
inputs = { models = "steps.train.outputs.model" }
"#;

#[test]
fn prepare_train_and_report_on_two_nodes() {
    if !holdfast_tests::walls() {
        return;
    }
    let stage = stage();
    let _nodes = [stage.node("box-1", &[]), stage.node("box-2", &[])];
    let data = small_dataset(stage.root.path());
    stage.upload("dataset", "penguins", &data);
    for task in ["prepare", "train", "report"] {
        stage.upload("task", task, &of_ours("nodes/tasks").join(task));
    }
    let file = stage.ana.file("penguins.toml", WORKFLOW);
    let done = stage.ana.run(&["workflow", "run", &file]).ok();
    assert_eq!(done["state"], "succeeded", "{done:#}");

    // One that succeeded on each node at least; metrics of every epoch; a reason to trust who made it.
    let runs = stage.ana.run(&["run", "list", "Lab"]).ok();
    let runs = runs.as_array().expect("runs").clone();
    assert_eq!(runs.len(), 6, "{runs:#?}");
    for node in ["box-1", "box-2"] {
        assert!(
            runs.iter()
                .any(|run| run["node"] == node && run["state"] == "succeeded"),
            "{runs:#?}"
        );
    }
    let train = runs
        .iter()
        .find(|run| run.to_string().contains("train"))
        .and_then(|run| run["id"].as_str())
        .expect("a training run")
        .to_owned();
    let shown = stage.over(&train);
    assert!(shown.to_string().contains("accuracy"), "{shown:#}");
    let metrics = stage.ana.run(&["run", "metrics", &train]).ok();
    let losses = metrics.to_string().matches("loss").count();
    assert!(losses >= 1, "{metrics:#}");

    let ben = Person::sign_up(stage.root.path(), &stage.server.url(), "ben@example.org");
    stage
        .ana
        .run(&["project", "share", "Lab", ben.handle(), "--role", "reader"])
        .ok();
    let got = stage.root.path().join("got");
    let fetched = ben
        .run(&["run", "artifacts", &train, "--to", got.to_str().expect("a path")])
        .ok();
    let model = files_of(&got)
        .into_iter()
        .find(|path| path.ends_with("model.json"))
        .expect("the model");
    let digest = hex::encode(sha256(&[&std::fs::read(model).expect("it")]));
    let log = stage.log(&train);
    assert!(log.contains(&digest), "the node made other bytes than {digest}:\n{log}");
    assert_eq!(fetched["inputs"], serde_json::json!(["prepare-clean@1"]), "{fetched:#}");
    let versions = ben.run(&["model", "versions", "Lab/train-model"]).ok();
    assert_eq!(versions.as_array().map(Vec::len), Some(4), "{versions:#}");
}
