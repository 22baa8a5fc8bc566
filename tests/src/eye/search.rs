//! Looks for canaries in bytes: raw, and in every encoding that a program might have put them in.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::canary::Canary;

/// Bits of the filter that most positions are sorted out by.
const FILTER_BITS: u32 = 20;
/// Patterns are told apart by their first bytes.
const HEAD: usize = 8;

/// For each canary that was found (by its place in the list) the forms in which it was.
pub type Found = BTreeMap<usize, BTreeSet<&'static str>>;

struct Pattern {
    bytes: Vec<u8>,
    canary: usize,
    form: &'static str,
}

/// Finds any of many patterns in one pass.
pub struct Searcher {
    patterns: Vec<Pattern>,
    by_head: HashMap<u64, Vec<usize>>,
    filter: Vec<u64>,
}

impl Searcher {
    /// Prepares for canaries. What is found is told by the place in this list.
    ///
    /// # Panics
    /// When a canary is too short to be told from chance.
    #[must_use]
    pub fn new(canaries: &[Canary]) -> Self {
        let mut own = Self {
            patterns: Vec::new(),
            by_head: HashMap::new(),
            filter: vec![0; 1 << (FILTER_BITS - 6)],
        };
        for (canary, known) in canaries.iter().enumerate() {
            for part in known.parts.iter().chain([&known.text]) {
                let mut seen = BTreeSet::new();
                for (form, bytes) in forms(part) {
                    assert!(bytes.len() >= 12, "{} is too short as {form}", known.label);
                    if seen.insert(bytes.clone()) {
                        own.add(Pattern { bytes, canary, form });
                    }
                }
            }
        }
        own
    }

    fn add(&mut self, pattern: Pattern) {
        let head = u64::from_le_bytes(pattern.bytes[..HEAD].try_into().expect("eight bytes"));
        let slot = slot(head);
        self.filter[slot >> 6] |= 1 << (slot & 63);
        self.by_head.entry(head).or_default().push(self.patterns.len());
        self.patterns.push(pattern);
    }

    /// Adds what is found in `data`.
    pub fn search(&self, data: &[u8], found: &mut Found) {
        self.each(data, &mut |canary, form, _| {
            found.entry(canary).or_default().insert(form);
        });
    }

    /// Tells of everything that is found in `data`: which canary, in which form, and where it begins.
    pub fn each(&self, data: &[u8], tell: &mut dyn FnMut(usize, &'static str, usize)) {
        let mut head = 0_u64;
        for (end, &byte) in data.iter().enumerate() {
            head = (head >> 8) | (u64::from(byte) << 56);
            let slot = slot(head);
            if self.filter[slot >> 6] & (1 << (slot & 63)) == 0 || end + 1 < HEAD {
                continue;
            }
            let rest = &data[end + 1 - HEAD..];
            for &at in self.by_head.get(&head).into_iter().flatten() {
                let pattern = &self.patterns[at];
                if rest.starts_with(&pattern.bytes) {
                    tell(pattern.canary, pattern.form, end + 1 - HEAD);
                }
            }
        }
    }
}

fn slot(head: u64) -> usize {
    usize::try_from(head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - FILTER_BITS)).unwrap_or(0)
}

/// Every form in which some bytes might turn up.
fn forms(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = vec![
        ("raw", bytes.to_vec()),
        // As numbers lie in memory.
        ("turned around", bytes.iter().rev().copied().collect()),
        ("hex", hex::encode(bytes).into_bytes()),
        ("hex", hex::encode_upper(bytes).into_bytes()),
        ("numbers", numbers(bytes, ",")),
        ("numbers", numbers(bytes, ", ")),
    ];
    for (offset, form) in ["base64 at 0", "base64 at 1", "base64 at 2"].into_iter().enumerate() {
        forms.push((form, base64_at(&STANDARD_NO_PAD, offset, bytes)));
        forms.push((form, base64_at(&URL_SAFE_NO_PAD, offset, bytes)));
    }
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    for upper in [true, false] {
        forms.push(("url", percent(bytes, upper, unreserved)));
        forms.push(("url", percent(bytes, upper, |_| false)));
        let form_field = percent(bytes, upper, |byte| unreserved(byte) || byte == b' ');
        forms.push((
            "url",
            form_field
                .iter()
                .map(|&byte| if byte == b' ' { b'+' } else { byte })
                .collect(),
        ));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        forms.push(("utf-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()));
        forms.push(("utf-16", text.encode_utf16().flat_map(u16::to_be_bytes).collect()));
        forms.push((
            "json",
            serde_json::to_string(text).unwrap_or_default().trim_matches('"').into(),
        ));
    }
    forms
}

/// As JSON and debug output write an array of bytes.
fn numbers(bytes: &[u8], between: &str) -> Vec<u8> {
    let all: Vec<String> = bytes.iter().map(u8::to_string).collect();
    all.join(between).into_bytes()
}

/// The letters of base64 that depend on these bytes alone, when `offset` bytes (modulo 3) stand before them.
fn base64_at(engine: &impl base64::Engine, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let padded = [&vec![0; offset][..], bytes].concat();
    let text = engine.encode(&padded).into_bytes();
    let first = [0, 2, 3][offset];
    let last = text.len() - usize::from(padded.len() % 3 != 0);
    text[first..last].to_vec()
}

fn percent(bytes: &[u8], upper: bool, keep: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    for &byte in bytes {
        if keep(byte) {
            out.push(byte);
        } else {
            let text = if upper {
                format!("%{byte:02X}")
            } else {
                format!("%{byte:02x}")
            };
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}
