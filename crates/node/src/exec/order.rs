//! What an executor is told, and what it tells while the task goes on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use holdfast_task::{Host, Image, Limits};

use super::metric::Metric;
use super::secret::Secret;

/// One run, ready to be carried out. Its folders belong to it alone.
pub struct Order {
    /// The program and its arguments, as inside: `["python3", "/task/main.py"]`. Never a secret.
    pub argv: Vec<String>,
    /// The image, for executors of containers.
    pub image: Option<Image>,
    /// The task's folder. Seen as `/task`, not to be written.
    pub task: PathBuf,
    /// A folder with one folder or file for each input, by its name. Seen as `/in`, not to be written.
    pub inputs: PathBuf,
    /// A folder for the executor's own needs. Not seen.
    pub scratch: PathBuf,
    /// Seen as `params.json`.
    pub params: String,
    /// Fields of secrets, by name and field. Files in memory, masked in the output.
    pub secrets: BTreeMap<String, BTreeMap<String, Secret>>,
    /// Variables that the task asked for by name. Masked in the output.
    pub env: BTreeMap<String, Secret>,
    /// What else must not be seen in the output.
    pub masks: Vec<Secret>,
    /// How much it may take.
    pub limits: Limits,
    /// Whom it may talk to.
    pub network: Network,
    /// How long it may go on after it was asked to stop.
    pub grace: Duration,
}

/// Whom a task may talk to. By default nobody.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// These and no others.
    pub hosts: Vec<Host>,
    /// The node's operator permits that one of these is this computer or in its own network.
    pub private: bool,
}

/// What happens while a task goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Its first process is there.
    Started,
    /// A line of its output with its end, or a piece of one; any bytes.
    Out(Vec<u8>),
    /// The same of its error output.
    Err(Vec<u8>),
    /// A value it reports.
    Metric(Metric),
    /// Something the node has to say about it, as a sentence.
    Note(String),
}

/// All secrets of an order together, in bytes.
const MOST_SECRET: usize = 1 << 20;

impl Order {
    #[cfg(target_os = "linux")]
    /// An order for what lies in a workspace, with nothing else: no secrets, no network, the limits that hold if nothing is said.
    #[must_use]
    pub fn new(workspace: &super::Workspace, argv: Vec<String>) -> Self {
        Self {
            argv,
            image: None,
            task: workspace.task(),
            inputs: workspace.inputs(),
            scratch: workspace.scratch(),
            params: "{}".to_owned(),
            secrets: BTreeMap::new(),
            env: BTreeMap::new(),
            masks: Vec::new(),
            limits: Limits::default(),
            network: Network::default(),
            grace: Duration::from_secs(5),
        }
    }

    /// Whether it can be carried out at all.
    ///
    /// # Errors
    /// Why not, as a sentence.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.argv.is_empty() {
            return Err("There is nothing to start.".into());
        }
        self.check_folders_and_secrets()
    }

    /// The same, where the image may say what is started.
    pub(crate) fn check_folders_and_secrets(&self) -> Result<(), String> {
        if self.argv.iter().any(|word| word.contains('\0')) {
            return Err("There is nothing to start.".into());
        }
        let names = self
            .secrets
            .iter()
            .flat_map(|(name, fields)| fields.keys().chain([name]));
        if let Some(name) = names.into_iter().find(|name| !file_name(name)) {
            return Err(format!(
                "A secret or a field can't be called {name:?} in a task: it becomes the name of a file."
            ));
        }
        let variable = |name: &str| !name.is_empty() && !name.contains(['=', '\0']);
        if self
            .env
            .iter()
            .any(|(name, value)| !variable(name) || value.bytes().contains(&0))
        {
            return Err("A value with a zero byte, or for a name that is none, can't be put into a variable.".into());
        }
        let values = self
            .secrets
            .values()
            .flat_map(BTreeMap::values)
            .chain(self.env.values());
        if values.map(|value| value.bytes().len()).sum::<usize>() + self.params.len() > MOST_SECRET {
            return Err("Its parameters and secrets are larger than 1 MiB together.".into());
        }
        for folder in [&self.task, &self.inputs] {
            if !folder.is_absolute() || !folder.is_dir() {
                return Err("The folders of the run are not there.".into());
            }
        }
        Ok(())
    }

    /// Everything that must not be seen.
    pub(crate) fn hidden(&self) -> impl Iterator<Item = &[u8]> {
        let fields = self.secrets.values().flat_map(BTreeMap::values);
        fields.chain(self.env.values()).chain(&self.masks).map(Secret::bytes)
    }
}

fn file_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && name != "."
        && name != ".."
        && !name.chars().any(|c| c == '/' || c.is_control())
}
