//! What a node says about its computer.

use std::process::Command;

use holdfast_engine::Result;
use holdfast_protocol::run::{Card, FORMAT, Feature};
use holdfast_protocol::wire::NodeCard;

use super::Node;

/// Longest text of a card, in characters: all of it is at most 4 KiB.
const TEXT: usize = 120;

impl Node {
    /// Tells the server what this computer is, for the people who decide about it.
    pub(super) async fn send_card(&self) -> Result<()> {
        let offers = self.executor.offers();
        let operators = self.session.operators().await?;
        let card = Card {
            format: FORMAT,
            node: self.session.principal(),
            time_ms: self.session.now_ms(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            system: short(&format!("{} {}", system_name(), std::env::consts::ARCH)),
            cpus: std::thread::available_parallelism().map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(u32::MAX)),
            memory: memory(),
            gpus: gpus(),
            executor: short(&offers.executor),
            slots: self.choices.slots,
            runtimes: offers
                .runtimes
                .iter()
                .map(|(runtime, found)| Feature {
                    name: runtime.word().to_owned(),
                    there: found.is_ok(),
                    how: short(found.as_ref().map_or_else(String::as_str, String::as_str)),
                })
                .collect(),
            limits: offers
                .limits
                .iter()
                .map(|(name, how)| Feature {
                    name: (*name).to_owned(),
                    there: true,
                    how: short(how),
                })
                .collect(),
            operators: operators
                .into_iter()
                .take(8)
                .map(|operator| short(&operator.handle))
                .collect(),
        };
        let card = self.session.sign_card(&card);
        self.session.api().put_card(&NodeCard { card: card.into() }).await
    }
}

fn short(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

/// The system's own name of itself.
fn system_name() -> String {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(
        || std::env::consts::OS.to_owned(),
        |name| name.trim_matches('"').to_owned(),
    )
}

fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.map_or(0, |kib| kib.saturating_mul(1024))
}

/// The names that the maker's own program gives, where it is there.
fn gpus() -> Vec<String> {
    let listed = Command::new("nvidia-smi")
        .args(["--query-gpu=name", "--format=csv,noheader"])
        .output();
    let Ok(listed) = listed else { return Vec::new() };
    let names = String::from_utf8_lossy(&listed.stdout);
    names
        .lines()
        .filter(|name| !name.trim().is_empty())
        .take(8)
        .map(short)
        .collect()
}
