//! Bench of the upload's first half: one large file, read, cut, named, sealed and written as packs, beside `age -r`.
//!
//! Runs the example `seal_bench` of `holdfast-engine`, which uploads to a folder by the code that every upload runs.
//! Both sides read a file in memory and write to memory, so that no disk is measured; both may use every core.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::measure::{Sample, measure};
use super::room::{Room, random_file};
use super::{Bout, version_of};
use crate::process::output_of;

const GIB: u64 = 1 << 30;
/// The most memory that sealing may hold, whatever the size of the file.
const PEAK_MIB: f64 = 256.0;

/// 1 GiB in pairs with age, then 8 GiB of ours alone for its memory.
pub(super) fn seal(bout: &mut Bout) -> Result<()> {
    let ours = bout.release_example("holdfast-engine", "seal_bench")?;
    bout.keep("peer", json!(version_of("age", "--version")?));
    pairs(bout, &ours)?;
    large(bout, &ours)
}

fn pairs(bout: &mut Bout, ours: &Path) -> Result<()> {
    // The file, our packs, age's file.
    let room = Room::in_memory(3 * GIB + GIB / 4)?;
    let (file, packs, peers) = (room.join("file"), room.join("packs"), room.join("file.age"));
    random_file(&file, GIB)?;
    let recipient = recipient(&room)?;
    let outcome = bout.pairs(["holdfast", "age -r"], 7, |_| {
        // Giving memory back takes time that is nobody's.
        for old in [&packs, &peers] {
            remove(old)?;
        }
        let mut seal = Command::new(ours);
        seal.args([&file, &packs]);
        let mut age = Command::new("age");
        age.args(["-r", &recipient, "-o"]).args([&peers, &file]);
        Ok([seal, age])
    })?;
    written(&packs, GIB)?;
    bout.gate("wall time by age's", outcome.wall_ratio(), 1.0);
    bout.gate("peak in MiB at 1 GiB", outcome.peak_mib(), PEAK_MIB);
    Ok(())
}

fn large(bout: &mut Bout, ours: &Path) -> Result<()> {
    let size = 8 * GIB;
    let room = Room::anywhere(2 * size + GIB / 2, &bout.meta.target_directory.join("bench"))?;
    let (file, packs) = (room.join("file"), room.join("packs"));
    println!("  8 GiB in {}, alone", room.path().display());
    random_file(&file, size)?;
    let sample = measure(Command::new(ours).args([&file, &packs]))?;
    written(&packs, size)?;
    println!(
        "  {:.2} s, cpu {:.2} s, peak {:.1} MiB",
        sample.wall_us as f64 / 1e6,
        sample.cpu_us as f64 / 1e6,
        sample.peak_mib()
    );
    bout.keep("8_gib", serde_json::to_value(&sample)?);
    check(&sample, size)?;
    bout.gate("peak in MiB at 8 GiB", sample.peak_mib(), PEAK_MIB);
    Ok(())
}

/// A key pair of age's own; only its public half is needed.
fn recipient(room: &Room) -> Result<String> {
    let identity = room.join("identity");
    let made = Command::new("age-keygen").arg("-o").arg(&identity).output()?;
    ensure!(made.status.success(), "age-keygen did not make a key");
    let recipient = output_of(Command::new("age-keygen").arg("-y").arg(&identity))?;
    Ok(recipient.trim().to_owned())
}

fn remove(path: &Path) -> Result<()> {
    if path.is_dir() {
        fs::remove_dir_all(path)?;
    } else if path.exists() {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Makes sure that the packs hold all of the file: none of it compresses or repeats.
fn written(packs: &Path, size: u64) -> Result<()> {
    let mut bytes = 0;
    for entry in fs::read_dir(packs)? {
        let metadata = entry?.metadata()?;
        bytes += if metadata.is_file() { metadata.len() } else { 0 };
    }
    ensure!(bytes > size, "{bytes} bytes of packs cannot hold {size} random bytes");
    Ok(())
}

/// Makes sure that the example says that it took the whole file.
fn check(sample: &Sample, size: u64) -> Result<()> {
    let said: Value = serde_json::from_str(&sample.stdout).context("seal_bench printed no JSON")?;
    ensure!(said["bytes"] == json!(size), "seal_bench took {} bytes", said["bytes"]);
    Ok(())
}
