//! The guided demo: the main job, step by step, on the real `holdfast` binary.
//!
//! Ana and Ben have a profile each, and there is a server, all in one temporary folder. Each step prints a sentence, the
//! command as one would type it, and what it says. Whatever goes wrong ends the demo.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::line_of;

const PROJECT: &str = "Brain scans";
const TOKEN: &str = "ghp_made-up-for-this-demo";

/// Plays the demo with the program at `holdfast`.
pub(crate) fn run(holdfast: &Path) -> Result<()> {
    ensure!(holdfast.is_file(), "{} was not built", holdfast.display());
    let stage = Stage::new(holdfast)?;
    let url = stage.server_url.clone();
    let (ana, ben) = (stage.person("ana")?, stage.person("ben")?);

    say("Ana makes an account. The server never sees her Master Key; it is shown to her once.");
    ana.sign_up(&url)?;
    say("She unlocks: a background process keeps the keys, and further commands take no time.");
    ana.unlock()?;
    say("A project, locked on her computer. The server stores boxes that it can't open.");
    ana.show(&["project", "create", PROJECT])?;
    say("Her data goes in.");
    let data = stage.make_data()?;
    ana.show(&["dataset", "upload", PROJECT, &text(&data), "--name", "Scans"])?;
    say("And a token that the team's programs need. Its value comes from a file, never from the command line.");
    let token = stage.folder.join("token.txt");
    fs::write(&token, format!("{TOKEN}\n"))?;
    let field = format!("token=@{}", text(&token));
    let add = [
        "secret",
        "add",
        "--type",
        "git",
        "--name",
        "GitHub token",
        "--in",
        PROJECT,
    ];
    ana.show(&[&add[..], &["--field", "host=github.com", "--field", &field]].concat())?;

    say("Ben makes an account, too.");
    ben.sign_up(&url)?;
    ben.unlock()?;
    say("Ana lets him in: a copy of the project's key that only Ben can use.");
    ana.show(&["project", "share", PROJECT, "ben@example.org", "--role", "reader"])?;
    say("She calls Ben and asks for his six words, so that nobody, the server included, sits in between.");
    let words = ben.ask(&["words"])?;
    let words = words["words"].as_str().context("Ben has no words")?;
    ana.show(&["verify", "ben@example.org", "--words", words])?;
    ana.show(&["project", "members", PROJECT])?;

    say("Ben reads the token ...");
    ben.show(&["secret", "show", "GitHub token", "--in", PROJECT, "--reveal"])?;
    let secret = ben.ask(&["secret", "show", "GitHub token", "--in", PROJECT, "--reveal"])?;
    let fields = secret["fields"].as_array().context("no fields")?;
    ensure!(
        fields.iter().any(|field| field["value"] == TOKEN),
        "Ben read another token than Ana kept"
    );
    say("... and downloads the data.");
    let copy = stage.folder.join("copy");
    ben.show(&["dataset", "download", &format!("{PROJECT}/Scans"), "--to", &text(&copy)])?;

    say("It is what Ana had, byte for byte:");
    let mut diff = Command::new("diff");
    diff.arg("--recursive").arg(&data).arg(downloaded(&copy, &data)?);
    println!("$ {}", line_of(&diff));
    ensure!(
        diff.status().context("there is no `diff` here")?.success(),
        "the download differs"
    );
    say("And nothing of it, neither contents nor names, can be read where the server keeps it:");
    let seen = search(
        &stage.folder.join("server"),
        &[TOKEN, PROJECT, "patient,volume", "GitHub token"],
    )?;
    ensure!(seen.is_empty(), "the server's folder holds {seen:?} in the clear");
    println!("Searched all files of the server: nothing found.");
    say("Both lock. That was the demo.");
    ana.show(&["lock"])?;
    ben.show(&["lock"])
}

fn say(sentence: &str) {
    println!("\n# {sentence}");
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A folder with a server in it. Dropping it stops the server and everybody's agent, and removes the folder.
struct Stage {
    folder: PathBuf,
    holdfast: PathBuf,
    server: Child,
    server_url: String,
}

impl Stage {
    fn new(holdfast: &Path) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("holdfast-demo-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        say("A server. It needs a folder and nothing else.");
        let mut serve = Command::new(holdfast);
        serve.args(["serve", "--json", "--data"]).arg(folder.join("server"));
        println!("$ {}", line_of(&serve));
        let log = fs::File::create(folder.join("server.log"))?;
        let server = serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let mut stage = Self {
            folder,
            holdfast: holdfast.to_owned(),
            server,
            server_url: String::new(),
        };
        let mut line = String::new();
        BufReader::new(stage.server.stdout.take().context("no output")?).read_line(&mut line)?;
        print!("{line}");
        let ready: Value = serde_json::from_str(&line).context("the server did not start")?;
        stage.server_url = ready["listening"]
            .as_str()
            .context("the server says nothing")?
            .to_owned();
        Ok(stage)
    }

    fn person(&self, name: &str) -> Result<Person> {
        let folder = self.folder.join(name);
        fs::create_dir(&folder)?;
        Ok(Person {
            handle: format!("{name}@example.org"),
            holdfast: self.holdfast.clone(),
            folder,
        })
    }

    fn make_data(&self) -> Result<PathBuf> {
        let data = self.folder.join("scans");
        fs::create_dir_all(data.join("raw"))?;
        let rows: String = (1..=2000)
            .map(|patient| format!("{patient},{}\n", 1000 + patient * 37 % 500))
            .collect();
        fs::write(data.join("volumes.csv"), format!("patient,volume\n{rows}"))?;
        fs::write(data.join("raw/notes.csv"), "patient,note\n1,\"moved, twice\"\n")?;
        Ok(data)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for name in ["ana", "ben"] {
            let _ = Command::new(&self.holdfast)
                .arg("lock")
                .arg("--profile")
                .arg(self.folder.join(name))
                .output();
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Somebody with a profile of his or her own.
struct Person {
    handle: String,
    holdfast: PathBuf,
    folder: PathBuf,
}

impl Person {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.holdfast);
        command
            .env("HOLDFAST_PROFILE", &self.folder)
            .env_remove("HOLDFAST_MASTER_KEY_FILE")
            // At a terminal it would ask for what is not given.
            .stdin(Stdio::null())
            .args(arguments);
        command
    }

    /// Prints a command as this person would type it, and runs it.
    fn show(&self, arguments: &[&str]) -> Result<()> {
        let mut command = self.command(arguments);
        let name = self.handle.split('@').next().unwrap_or_default();
        println!("{name}$ {}", line_of(&command));
        let status = command.status()?;
        ensure!(status.success(), "{} ended with {status}", line_of(&command));
        Ok(())
    }

    /// Runs a command and reads its answer.
    fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let mut command = self.command(&[arguments, &["--json"]].concat());
        let output = command.stderr(Stdio::inherit()).output()?;
        ensure!(
            output.status.success(),
            "{} ended with {}",
            line_of(&command),
            output.status
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// The smallest keys and the cheapest derivation that are allowed: a demo should not take minutes.
    fn sign_up(&self, url: &str) -> Result<()> {
        let command = [
            "signup",
            "--server",
            url,
            "--handle",
            &self.handle,
            "--generate",
            "--bits",
            "2048",
        ];
        println!("$ holdfast {}", command.join(" "));
        let account = self.ask(&[&command[..], &["--kdf-log2-n", "17"]].concat())?;
        let key = account["master_key"].as_str().context("no Master Key was made")?;
        println!(
            "Master Key:      {key}\nSecurity words:  {}",
            account["words"].as_str().unwrap_or_default()
        );
        Ok(fs::write(self.key_file(), key)?)
    }

    fn key_file(&self) -> PathBuf {
        self.folder.with_extension("key")
    }

    fn unlock(&self) -> Result<()> {
        self.show(&["unlock", "--master-key-file", &text(&self.key_file())])
    }
}

/// Where the folder `data` lies in the download.
fn downloaded(copy: &Path, data: &Path) -> Result<PathBuf> {
    let inside = data
        .file_name()
        .map(|name| copy.join(name))
        .filter(|inside| inside.is_dir());
    Ok(inside.unwrap_or_else(|| copy.to_owned()))
}

/// Which of `words` stand in the files below `folder`.
fn search(folder: &Path, words: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(search(&path, words)?);
            continue;
        }
        let bytes = fs::read(&path)?;
        let holds = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
        found.extend(
            words
                .iter()
                .filter(|word| holds(word))
                .map(|word| format!("{word} in {}", path.display())),
        );
    }
    Ok(found)
}
