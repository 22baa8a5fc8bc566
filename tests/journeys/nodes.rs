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
const COUNTED: &str = r#"description = "Counts lines, as often as it is told"
[parameters.times]
type = "int"
min = 1
max = 9
description = "How often each line is counted"
[parameters.loud]
type = "bool"
default = false
[inputs.data]
kind = "dataset"
description = "Its lines are counted"
[outputs.lines]
kind = "artifact"
"#;
const COUNT: &str = "times=$(sed 's/.*\"times\":\\([0-9]*\\).*/\\1/' \"$HOLDFAST_PARAMS\")
count=$(($(cat /in/data/* | wc -l) * times))
echo \"{\\\"name\\\": \\\"lines\\\", \\\"value\\\": $count}\" > \"$HOLDFAST_METRICS\"
mkdir -p /out/lines
echo \"$count\" > /out/lines/count
echo counted
";

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
    task(&ana, root.path(), "count", COUNTED, COUNT);
    let window = unlocked("nodes", &ana).await;
    window.click("Lab").await;
    window.part("Runs").await;
    window.sees("No runs yet").await;
    window.screen("1-no-runs").await;

    // What a task says of itself, and that nobody may carry it out yet.
    window.part("Tasks").await;
    let no_task = "These files are no task: there is no holdfast-task.toml at their top";
    let refused = ana.run(&["task", "upload", "Lab", &rows, "--name", "rows"]);
    assert_ne!(refused.code, 0);
    assert!(refused.stdout.contains(no_task), "{}", refused.stdout);
    window.will_pick(&[Path::new(&rows)]);
    window.click("Upload").await;
    window.click("Choose files").await;
    window.sees(no_task).await;
    window.screen("1-no-task").await;
    window.click("Cancel").await;
    window.click("count").await;
    window.sees("Counts lines, as often as it is told").await;
    window.sees("a whole number, from 1 to 9").await;
    window.sees("None. It can't connect to anything.").await;
    window.screen("1-task").await;
    window.click("Run").await;
    window.sees("No node may work here yet").await;
    window.screen("1-no-node").await;
    window.click("Go to Nodes").await;
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

    // Started, watched while it works, and stopped.
    part(&window, "Runs").await;
    window.click("New run").await;
    window.select("Task", "slow").await;
    window.sees("2 minutes, 67.1 MB of memory").await;
    window.click("Start").await;
    window.sees("Run of slow").await;
    window.sees("step 5").await;
    window.sees("loss").await;
    window.sees("at work").await;
    window.screen("8-at-work").await;
    window.click("Stop").await;
    window.sees("stopped").await;
    window.sees("Run again").await;
    window.screen("9-stopped").await;
    window.click("Run again").await;
    window.sees("Where it runs").await;
    window.click("Start").await;
    window.sees("step 5").await;
    window.click("Stop").await;
    window.sees("Run again").await;

    // What does not fit is said where it is.
    window.click("All runs").await;
    window.click("New run").await;
    window.select("Task", "count").await;
    window.sees("How often each line is counted").await;
    window.click("Start").await;
    window.sees("This is needed.").await;
    window.fill("times", "12").await;
    window.click("Start").await;
    window
        .sees("\"12\" does not fit. Give a whole number from 1 to 9.")
        .await;
    window.screen("10-does-not-fit").await;
    window.fill("times", "2").await;
    window.click("Start").await;

    // What it made, and where it came from.
    window
        .sees("Made by gpu-box from first, version 1, signature checked")
        .await;
    window.sees("Complete: as long as the node signed.").await;
    window.screen("11-made").await;

    // Again, with another value, and the two beside each other.
    window.click("Run again").await;
    window.sees("How often each line is counted").await;
    assert_eq!(window.value("times").await, "2");
    window.fill("times", "3").await;
    window.screen("12-again").await;
    window.click("Start").await;
    window.sees("Made by gpu-box from first, version 1").await;
    window.click("Compare").await;
    window.sees("2 things differ.").await;
    window.sees("+3 (+50 %)").await;
    window.screen("13-compare").await;

    // On this computer: what the node made, byte for byte.
    window.click("All runs").await;
    window.sees("succeeded").await;
    window.screen("14-runs").await;
    window.click("count").await;
    window.sees("Made by gpu-box from first").await;
    let got = root.path().join("got");
    std::fs::create_dir(&got).expect("a folder");
    window.will_pick(&[&got]);
    window.click("Download").await;
    window.sees("Every piece was checked: all correct.").await;
    window.screen("15-downloaded").await;
    let count = std::fs::read(got.join("lines/count")).expect("what the run made");
    assert_eq!(count, b"9\n");
    window.click("count-lines, version 2").await;
    window.sees("Files").await;
    window.click("Back").await;

    // Taken back: what it could read is said.
    part(&window, "Nodes").await;
    window.click("gpu-box").await;
    window.click("Take back").await;
    window.sees("What it has read, it has read.").await;
    window.screen("16-take-back").await;
    window.click("Take back").await;
    window.sees("gpu-box may no longer work here.").await;
    window.sees("first").await;
    window.screen("17-taken-back").await;

    // Let in once more, for one run.
    window.part("Runs").await;
    window.click("New run").await;
    window.select("Task", "slow").await;
    window.select("Node", "gpu-box, for this run only").await;
    window.sees("Starting lets it in until").await;
    window.screen("18-this-run-only").await;
    window.click("Start").await;
    window.sees("step 5").await;
    part(&window, "Nodes").await;
    window.sees("one run's data at a time").await;
    window.click("gpu-box").await;
    window.click("Take back").await;
    window.sees("What it has read, it has read.").await;
    window.click("Take back").await;
    window.sees("One run was stopped.").await;
    let refused = ana.run(&["run", "start", "Lab/slow", "--node", "gpu-box"]);
    assert_ne!(refused.code, 0);
    window.close().await;
}
