//! Everything that a server gets, as it lies there and taken apart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::http::{Message, messages};
use super::inflate::{deflated, inflated};
use super::search::{Found, Searcher};
use crate::proxy::Connection;

/// Compressed things inside of compressed things are followed so far.
const DEPTH: usize = 2;
/// Longer bodies are not tried as one raw deflate stream: packs and their parts are random.
const MOST_DEFLATED: usize = 1 << 20;

/// Some bytes and where they were.
pub struct Piece {
    /// For example a file of the server.
    pub origin: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// All bytes that a server gets.
#[derive(Default)]
pub struct Material {
    pieces: Vec<Piece>,
    json: Vec<Value>,
    packs: BTreeMap<String, Vec<u8>>,
}

impl Material {
    /// Takes some bytes.
    pub fn add(&mut self, origin: &str, bytes: Vec<u8>) {
        self.pieces.push(Piece {
            origin: origin.to_owned(),
            bytes,
        });
    }

    /// Takes every file below a folder, and the names of the files. Files with a number for a name are parts of the pack that their folder is.
    ///
    /// # Panics
    /// When something there can't be read.
    pub fn add_folder(&mut self, folder: &Path) {
        let mut parts: BTreeMap<PathBuf, BTreeMap<u32, Vec<u8>>> = BTreeMap::new();
        for entry in walkdir::WalkDir::new(folder) {
            let entry = entry.expect("a readable folder");
            let path = entry.path().strip_prefix(folder).expect("a path below").to_owned();
            self.add("names of files", path.as_os_str().as_encoded_bytes().to_vec());
            if !entry.file_type().is_file() {
                continue;
            }
            // A server that runs takes files of its own away between the list and the look.
            let bytes = match std::fs::read(entry.path()) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                bytes => bytes.expect("a readable file"),
            };
            let part = path.file_name().and_then(|name| name.to_str()?.parse().ok());
            if let (Some(part), Some(pack)) = (part, path.parent()) {
                parts.entry(pack.to_owned()).or_default().insert(part, bytes.clone());
            }
            self.add(&path.display().to_string(), bytes);
        }
        for (pack, parts) in parts {
            self.packs
                .insert(pack.display().to_string(), parts.into_values().flatten().collect());
        }
    }

    /// Takes what crossed the wire: the raw streams, the bodies in them, and what is in base64 in those.
    pub fn add_wire(&mut self, connections: &[Connection]) {
        for connection in connections {
            for (origin, stream) in [("sent", &connection.sent), ("received", &connection.received)] {
                self.add(origin, stream.clone());
                for message in messages(stream) {
                    self.add_body(origin, message);
                }
            }
        }
    }

    fn add_body(&mut self, origin: &str, message: Message) {
        let Message {
            line, body, chunked, ..
        } = message;
        if let Ok(value) = serde_json::from_slice::<Value>(&body) {
            self.add_strings(origin, &value);
            self.json.push(value);
        }
        // `PUT /v1/spaces/SPACE/packs/PACK/parts/N HTTP/1.1`
        if let Some((pack, _)) = line.strip_prefix("PUT ").and_then(|path| path.split_once("/parts/")) {
            self.packs.entry(pack.to_owned()).or_default().extend_from_slice(&body);
        }
        if body.len() <= MOST_DEFLATED {
            for bytes in deflated(&body) {
                self.add("deflated", bytes);
            }
        }
        if chunked {
            self.add(origin, body);
        }
    }

    fn add_strings(&mut self, origin: &str, value: &Value) {
        match value {
            Value::String(text) => {
                // As the reader of the JSON has it: without escapes.
                self.add(origin, text.clone().into_bytes());
                if let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) {
                    self.add(origin, bytes);
                }
                if let Ok(bytes) = hex::decode(text) {
                    self.add(origin, bytes);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.add_strings(origin, value)),
            Value::Object(fields) => fields.values().for_each(|value| self.add_strings(origin, value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// All pieces.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// All JSON bodies.
    #[must_use]
    pub fn json(&self) -> &[Value] {
        &self.json
    }

    /// All packs, put together from their parts.
    pub fn packs(&self) -> impl Iterator<Item = &[u8]> {
        self.packs.values().map(Vec::as_slice)
    }

    /// How many bytes there are to look through.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces.iter().map(|piece| piece.bytes.len()).sum()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Looks through all of it, compressed parts included.
    #[must_use]
    pub fn search(&self, searcher: &Searcher) -> Found {
        let mut all = Found::new();
        for (canary, forms) in self.places(searcher).into_values().flatten() {
            all.entry(canary).or_default().extend(forms);
        }
        all
    }

    /// The same by where it was found.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn places(&self, searcher: &Searcher) -> BTreeMap<&str, Found> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut places: BTreeMap<&str, Found> = BTreeMap::new();
            while let Some(piece) = self.pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut found = Found::new();
                look(searcher, &piece.bytes, DEPTH, &mut found);
                add(&mut places, &piece.origin, found);
            }
            places
        };
        std::thread::scope(|threads| {
            let other = threads.spawn(work);
            let mut places = work();
            for (origin, found) in other.join().expect("looking does not fail") {
                add(&mut places, origin, found);
            }
            places
        })
    }
}

fn add<'a>(places: &mut BTreeMap<&'a str, Found>, origin: &'a str, found: Found) {
    if found.is_empty() {
        return;
    }
    let known = places.entry(origin).or_default();
    for (canary, forms) in found {
        known.entry(canary).or_default().extend(forms);
    }
}

fn look(searcher: &Searcher, bytes: &[u8], depth: usize, found: &mut Found) {
    searcher.search(bytes, found);
    if depth > 0 {
        for inside in inflated(bytes) {
            look(searcher, &inside, depth - 1, found);
        }
    }
}
