//! Looks through the memory of processes, as a debugger or a core file would show it.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;

use memchr::memmem::Finder;

use crate::eye::{self, Searcher};

const PAGE: u64 = 4096;
/// Bytes read in one go.
const PIECE: u64 = 8 << 20;

/// Bytes that are looked for, in every form in which programs hold them.
pub struct Canary {
    name: String,
    forms: Vec<(&'static str, Finder<'static>)>,
}

impl Canary {
    /// A key: as it is, and turned around, as numbers lie in memory.
    #[must_use]
    pub fn bytes(name: &str, bytes: &[u8]) -> Self {
        let turned: Vec<u8> = bytes.iter().rev().copied().collect();
        Self {
            name: name.to_owned(),
            forms: vec![
                ("", Finder::new(bytes).into_owned()),
                ("turned around", Finder::new(&turned).into_owned()),
            ],
        }
    }

    /// A text: as UTF-8, and as a page holds it.
    #[must_use]
    pub fn text(name: &str, text: &str) -> Self {
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        Self {
            name: name.to_owned(),
            forms: vec![
                ("", Finder::new(text.as_bytes()).into_owned()),
                ("UTF-16", Finder::new(&wide).into_owned()),
            ],
        }
    }
}

/// A process.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// What it is called.
    pub name: String,
}

/// Where something was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Which canary.
    pub what: String,
    /// In which form.
    pub form: &'static str,
    /// The process's name.
    pub process: String,
    /// The kind of memory, as the system names it.
    pub place: String,
    /// What stands around it, to tell whose it is: printable characters only.
    pub around: String,
}

/// A process and all below it.
///
/// # Panics
/// Without `/proc`.
#[must_use]
pub fn processes(root: u32) -> Vec<Process> {
    let mut all = vec![process(root)];
    let mut known = BTreeSet::from([root]);
    loop {
        let before = known.len();
        for entry in std::fs::read_dir("/proc").expect("processes").flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if parent(pid).is_some_and(|parent| known.contains(&parent)) && known.insert(pid) {
                all.push(process(pid));
            }
        }
        if known.len() == before {
            return all;
        }
    }
}

/// One process.
#[must_use]
pub fn process(pid: u32) -> Process {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Process {
        pid,
        name: name.trim().to_owned(),
    }
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after = stat.rsplit_once(") ")?.1;
    after.split(' ').nth(1)?.parse().ok()
}

/// Every place of a process's memory where a canary lies.
///
/// # Panics
/// When the system's own lists make no sense.
#[must_use]
pub fn scan(process: &Process, canaries: &[Canary]) -> Vec<Found> {
    let mut found = BTreeSet::new();
    pieces(process, &|_, _| true, &mut |bytes, place| {
        for canary in canaries {
            for (form, finder) in &canary.forms {
                for at in finder.find_iter(bytes) {
                    found.insert(found_at(bytes, at, &canary.name, form, process, place));
                }
            }
        }
    });
    found.into_iter().collect()
}

/// The same for many canaries, in every encoding that a program might have put them in on their way to a socket or a file. What a
/// process can only read of a file is passed over: it is what lies on the disk.
///
/// # Panics
/// When the system's own lists make no sense.
#[must_use]
pub fn scan_for(process: &Process, searcher: &Searcher, canaries: &[eye::Canary]) -> Vec<Found> {
    let mut found = BTreeSet::new();
    let own = |rights: &str, place: &str| rights.contains('w') || !place.starts_with('/');
    pieces(process, &own, &mut |bytes, place| {
        searcher.each(bytes, &mut |canary, form, at| {
            found.insert(found_at(bytes, at, &canaries[canary].label, form, process, place));
        });
    });
    found.into_iter().collect()
}

/// Shows all of a process's memory that is there, in pieces that overlap a little, each with the name of its mapping.
fn pieces(process: &Process, wanted: &dyn Fn(&str, &str) -> bool, show: &mut dyn FnMut(&[u8], &str)) {
    let folder = format!("/proc/{}", process.pid);
    // It may have ended meanwhile: then there is nothing.
    let (Ok(maps), Ok(memory), Ok(pages)) = (
        std::fs::read_to_string(format!("{folder}/maps")),
        File::open(format!("{folder}/mem")),
        File::open(format!("{folder}/pagemap")),
    ) else {
        return;
    };
    for line in maps.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else {
            continue;
        };
        let place = words.nth(3).unwrap_or("anonymous").to_owned();
        if !rights.starts_with('r') || place == "[vvar]" || place == "[vsyscall]" || !wanted(rights, &place) {
            continue;
        }
        let (from, to) = range.split_once('-').expect("a range");
        let (from, to) = (
            u64::from_str_radix(from, 16).expect("an address"),
            u64::from_str_radix(to, 16).expect("an address"),
        );
        for (start, end) in resident(&pages, from, to) {
            let mut at = start;
            while at < end {
                // A little of what comes after, for what lies across the border.
                let piece = usize::try_from((end - at).min(PIECE + PAGE)).expect("a piece fits");
                let mut bytes = vec![0; piece];
                let got = memory.read_at(&mut bytes, at).unwrap_or(0);
                show(&bytes[..got], &place);
                at += PIECE;
            }
        }
    }
}

fn found_at(bytes: &[u8], at: usize, what: &str, form: &'static str, process: &Process, place: &str) -> Found {
    let around = &bytes[at.saturating_sub(48)..(at + 96).min(bytes.len())];
    let printable = |byte: &u8| match byte.is_ascii_graphic() {
        true => char::from(*byte),
        false => '.',
    };
    Found {
        what: what.to_owned(),
        form,
        process: process.name.clone(),
        place: place.to_owned(),
        around: around.iter().map(printable).collect(),
    }
}

/// The parts of a range that are in memory or swapped out. The rest was never written to.
fn resident(pages: &File, from: u64, to: u64) -> Vec<(u64, u64)> {
    let mut parts: Vec<(u64, u64)> = Vec::new();
    let mut at = from;
    while at < to {
        let count = ((to - at) / PAGE).min(1 << 18);
        let mut table = vec![0_u8; usize::try_from(count * 8).expect("a table fits")];
        let got = pages.read_at(&mut table, at / PAGE * 8).unwrap_or(0);
        for (n, entry) in (0..).zip(table[..got].chunks_exact(8)) {
            let entry = u64::from_le_bytes(entry.try_into().expect("eight bytes"));
            if entry >> 62 == 0 {
                continue;
            }
            let page = at + n * PAGE;
            match parts.last_mut() {
                Some((_, end)) if *end == page => *end = page + PAGE,
                _ => parts.push((page, page + PAGE)),
            }
        }
        at += count * PAGE;
    }
    parts
}
