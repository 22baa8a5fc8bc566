//! A computer that does the work: added, compared, let in, watched, stopped, and put out again, all in the window.

use std::path::Path;

use holdfast_tests::{Node, Person, Server, Window};

use super::prepared::unlocked;

const MANIFEST: &str = "format = 1\nruntime = \"shell\"\nentry = \"main.sh\"\n";
const LIMITS: &str = "[limits]\nmemory = \"64 MiB\"\ndisk = \"8 MiB\"\ntime = \"2 min\"\n";
const SLOW: &str = "for step in 1 2 3 4 5; do
    echo \"{\\\"name\\\": \\\"loss\\\", \\\"value\\\": 0.$((9 - step)), \\\"step\\\": $step}\" > \"$HOLDFAST_METRICS\"
    echo \"step $step\"
done
sleep 60
";
const COUNT: &str = "mkdir -p /out/lines\ncat /in/data/* | wc -l > /out/lines/count\necho counted\n";

fn task(ana: &Person, root: &Path, name: &str, manifest: &str, script: &str) {
    let folder = root.join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let manifest = format!("{MANIFEST}name = \"{name}\"\n{manifest}{LIMITS}");
    let paths = [folder.join("holdfast-task.toml"), folder.join("main.sh")];
    std::fs::write(&paths[0], manifest).expect("a manifest");
    std::fs::write(&paths[1], script).expect("a script");
    let paths = paths.each_ref().map(|path| path.to_str().expect("a path"));
    ana.run(&["task", "upload", "Lab", paths[0], paths[1], "--name", name])
        .ok();
}

async fn part(window: &Window, name: &str) {
    // Nobody tells the page of a node that comes or goes: it looks when it is opened.
    window.part("Members").await;
    window.part(name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_added_compared_let_in_watched_stopped_and_put_out() {
    if !holdfast_tests::walls() {
        return;
    }
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Lab"]).ok();
    let rows = ana.file("rows.txt", "one\ntwo\nthree\n");
    ana.run(&["dataset", "upload", "Lab", &rows, "--name", "first"]).ok();
    task(&ana, root.path(), "slow", "", SLOW);
    let io = "[inputs.data]\nkind = \"dataset\"\n[outputs.lines]\nkind = \"artifact\"\n";
    task(&ana, root.path(), "count", io, COUNT);
    let window = unlocked("nodes", &ana).await;
    window.click("Lab").await;
    window.part("Runs").await;
    window.sees("No runs yet").await;
    window.screen("1-no-runs").await;
    window.part("Nodes").await;
    window.sees("No nodes yet").await;
    window.screen("2-no-nodes").await;

    // The line, typed on the other computer.
    window.click("Add a node").await;
    window.sees("Type this line on the computer").await;
    let line = window.read("//*[@data-test='node-line']").await;
    window.screen("3-invite").await;
    let token = line
        .split_whitespace()
        .skip_while(|word| *word != "--token")
        .nth(1)
        .expect("a token");
    let mut node = Node::enrol_with(&ana, &server.url(), "gpu-box", token);
    node.start(&[]);
    window.keys("\u{E00C}").await;

    // Its words, compared with what its own console shows.
    part(&window, "Nodes").await;
    window.sees("may not work here").await;
    window.click("gpu-box").await;
    window.sees("What it says about itself").await;
    window.screen("4-card").await;
    window.click("Compare words").await;
    window.sees("Are they these?").await;
    let shown = window.read("//ol[@aria-label='Security words of gpu-box']").await;
    for word in node.words().split(' ') {
        assert!(shown.contains(word), "{shown} has no {word}");
    }
    window.screen("5-compare").await;
    window.click("They are the same").await;
    window.sees("gpu-box is checked.").await;
    window.click("Done").await;

    window.click("gpu-box").await;
    window.click("Let it work here").await;
    window.sees("For how long?").await;
    window.screen("6-authorise").await;
    window.click("Let it work here").await;
    window.sees("one run's data at a time").await;
    window.screen("7-nodes").await;

    // Watched while it works, and stopped.
    ana.run(&["run", "start", "Lab/slow", "--node", "gpu-box"]).ok();
    part(&window, "Runs").await;
    window.sees("slow").await;
    window.click("slow").await;
    window.sees("step 5").await;
    window.sees("loss").await;
    window.sees("at work").await;
    window.screen("8-at-work").await;
    window.click("Stop").await;
    window.sees("stopped").await;
    window.sees("Run again").await;
    window.screen("9-stopped").await;
    window.click("Run again").await;
    window.sees("Started again.").await;
    window.sees("step 5").await;
    window.click("Stop").await;
    window.sees("Run again").await;

    // What it made, and where it came from.
    ana.run(&[
        "run",
        "start",
        "Lab/count",
        "--node",
        "gpu-box",
        "--input",
        "data=Lab/first",
    ])
    .ok();
    window.click("All runs").await;
    window.sees("succeeded").await;
    window.screen("10-runs").await;
    window.click("count").await;
    window
        .sees("Made by gpu-box from first, version 1, signature checked")
        .await;
    window.sees("Complete: as long as the node signed.").await;
    window.screen("11-made").await;
    window.part("Artifacts").await;
    window.sees("count-lines").await;

    // Taken back: what it could read is said.
    part(&window, "Nodes").await;
    window.click("gpu-box").await;
    window.click("Take back").await;
    window.sees("What it has read, it has read.").await;
    window.screen("12-take-back").await;
    window.click("Take back").await;
    window.sees("gpu-box may no longer work here.").await;
    window.sees("first").await;
    window.screen("13-taken-back").await;
    let refused = ana.run(&["run", "start", "Lab/slow", "--node", "gpu-box"]);
    assert_ne!(refused.code, 0);
    window.close().await;
}
