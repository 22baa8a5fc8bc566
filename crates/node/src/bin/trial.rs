//! Carries one task out, for tests: an order as JSON on standard input, what happens as lines of JSON on standard output. It is no part of the product; a process
//! that can be started as another user, and ended at any moment, is what the tests need.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    if let Some(ended) = holdfast_node::exec::stage_main() {
        return ended;
    }
    match trial::run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            trial::say(&serde_json::json!({ "error": error.to_string() }));
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod trial {
    use std::collections::BTreeMap;
    use std::error::Error;
    use std::io::{Read as _, Write as _};
    use std::path::PathBuf;
    use std::time::Duration;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use holdfast_node::exec::{
        Bubblewrap, CgroupUse, Event, Executor as _, Network, Order, Secret, Settings, Workspaces, argv,
    };
    use holdfast_task::{FILE_NAME, Task};
    use serde::Deserialize;
    use serde_json::json;
    use tokio_util::sync::CancellationToken;

    #[derive(Deserialize)]
    struct Trial {
        /// The node's folder.
        state: PathBuf,
        /// Files of the task, by name, among them its manifest.
        files: BTreeMap<String, String>,
        #[serde(default)]
        inputs: BTreeMap<String, String>,
        #[serde(default)]
        params: BTreeMap<String, String>,
        #[serde(default)]
        secrets: BTreeMap<String, BTreeMap<String, String>>,
        /// To stop after this many milliseconds.
        #[serde(default)]
        stop_ms: Option<u64>,
        #[serde(default)]
        grace_ms: Option<u64>,
        #[serde(default)]
        private: bool,
        /// How often, one after the other.
        #[serde(default)]
        again: u32,
    }

    #[expect(clippy::print_stdout, reason = "it is read by a test")]
    pub(super) fn say(line: &serde_json::Value) {
        println!("{line}");
        let _ = std::io::stdout().flush();
    }

    pub(super) fn run() -> Result<(), Box<dyn Error>> {
        let mut order = String::new();
        std::io::stdin().read_to_string(&mut order)?;
        let trial: Trial = serde_json::from_str(&order)?;
        tokio::runtime::Runtime::new()?.block_on(carry_out(&trial))
    }

    async fn carry_out(trial: &Trial) -> Result<(), Box<dyn Error>> {
        let settings = Settings {
            cgroup: CgroupUse::Never,
            ..Settings::default()
        };
        let executor = Bubblewrap::find(&trial.state, settings)?;
        let workspaces = Workspaces::open(&trial.state.join("runs"))?;
        say(&json!({ "offers": format!("{:?}", executor.offers()) }));
        for _ in 0..=trial.again {
            once(trial, &executor, &workspaces).await?;
        }
        // Afterwards all is as before, also for several at a time.
        let (one, two, three) = tokio::join!(
            hello(&executor, &workspaces),
            hello(&executor, &workspaces),
            hello(&executor, &workspaces)
        );
        say(&json!({ "healthy": one? && two? && three? }));
        Ok(())
    }

    async fn hello(executor: &Bubblewrap, workspaces: &Workspaces) -> Result<bool, Box<dyn Error>> {
        let run = workspaces.create()?;
        let words = ["sh", "-c", "echo hello"].map(str::to_owned).to_vec();
        let (events, mut heard) = tokio::sync::mpsc::channel(64);
        let ended = executor
            .run(Order::new(&run, words), events, CancellationToken::new())
            .await;
        let mut said = Vec::new();
        while let Some(event) = heard.recv().await {
            said.push(event);
        }
        let expected = [Event::Started, Event::Out(b"hello\n".to_vec())];
        Ok(ended.how.succeeded() && ended.clean && said == expected)
    }

    async fn once(trial: &Trial, executor: &Bubblewrap, workspaces: &Workspaces) -> Result<(), Box<dyn Error>> {
        let run = workspaces.create()?;
        for (folder, files) in [(run.task(), &trial.files), (run.inputs(), &trial.inputs)] {
            for (name, text) in files {
                std::fs::write(folder.join(name), text)?;
            }
        }
        let task = Task::parse(&std::fs::read(run.task().join(FILE_NAME))?)?;
        let values = task.check(&trial.params).map_err(|faults| format!("{faults:?}"))?;
        let mut order = Order::new(&run, argv(&task));
        order.params = holdfast_task::to_json(&values);
        order.limits = task.limits;
        order.network = Network {
            hosts: task.hosts.clone(),
            private: trial.private,
        };
        for (name, secret) in &task.secrets {
            let Some(fields) = trial.secrets.get(name) else {
                continue;
            };
            for (variable, field) in &secret.env {
                order.env.insert(variable.clone(), Secret::from(fields[field].as_str()));
            }
            let fields = fields
                .iter()
                .map(|(field, value)| (field.clone(), Secret::from(value.as_str())));
            order.secrets.insert(name.clone(), fields.collect());
        }
        if let Some(grace) = trial.grace_ms {
            order.grace = Duration::from_millis(grace);
        }
        let stop = CancellationToken::new();
        if let Some(after) = trial.stop_ms {
            let stop = stop.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(after)).await;
                stop.cancel();
            });
        }
        let (events, mut heard) = tokio::sync::mpsc::channel(64);
        let telling = tokio::spawn(async move {
            while let Some(event) = heard.recv().await {
                say(&match event {
                    Event::Started => json!({ "started": true }),
                    Event::Out(bytes) => json!({ "out": STANDARD.encode(bytes) }),
                    Event::Err(bytes) => json!({ "err": STANDARD.encode(bytes) }),
                    Event::Metric(metric) => {
                        json!({ "metric": [metric.name, format!("{:?}", metric.value), format!("{:?}", metric.step)] })
                    }
                    Event::Note(note) => json!({ "note": note }),
                });
            }
        });
        let ended = executor.run(order, events, stop).await;
        telling.await?;
        let mut files = BTreeMap::new();
        let mut refused = BTreeMap::new();
        if let Some(outputs) = &ended.outputs {
            let collected = outputs.collect()?;
            for file in collected.files {
                let mut bytes = Vec::new();
                outputs.open(&file.path)?.take(100).read_to_end(&mut bytes)?;
                files.insert(file.path, (file.bytes, String::from_utf8_lossy(&bytes).into_owned()));
            }
            refused.extend(collected.refused.into_iter().map(|refused| (refused.path, refused.why)));
        }
        say(&json!({
            "how": format!("{:?}", ended.how),
            "clean": ended.clean,
            "said": ended.how.to_string(),
            "usage": format!("{:?}", ended.usage),
            "left_out": ended.usage.log_left_out_bytes,
            "peak_memory": ended.usage.peak_memory_bytes,
            "peak_processes": ended.usage.peak_processes,
            "cpu_ms": u64::try_from(ended.usage.cpu.as_millis())?,
            "network": ended.usage.network_bytes,
            "files": files,
            "refused": refused,
        }));
        run.wipe()?;
        Ok(())
    }
}
