//! Takes secrets out of what a task says, also where one comes in pieces, or as people and programs write them: in base64, in an
//! address, in JSON, line by line.
//!
//! It keeps a slip from being kept, not a leak: a task that wants to say a secret can turn it around first.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// What stands in a secret's place.
pub(crate) const MASK: &[u8] = b"***";

/// Shorter values are words of any text.
const SHORTEST: usize = 4;

/// Lines of a longer value that are looked for by themselves.
const SHORTEST_LINE: usize = 12;

/// Shortest part of a value in the midst of base64.
const SHORTEST_CORE: usize = 8;

/// What to look for.
pub(crate) struct Masks {
    finder: Option<AhoCorasick>,
    patterns: Vec<Zeroizing<Vec<u8>>>,
    /// What a pattern can begin with.
    first: [bool; 256],
    longest: usize,
}

impl Masks {
    pub(crate) fn new<'v>(values: impl Iterator<Item = &'v [u8]>) -> Self {
        let mut patterns: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        for value in values.filter(|value| value.len() >= SHORTEST) {
            forms(value, &mut |form| patterns.push(Zeroizing::new(form)));
        }
        patterns.sort_by(|a, b| a.as_slice().cmp(b.as_slice()));
        patterns.dedup_by(|a, b| a.as_slice() == b.as_slice());
        let mut first = [false; 256];
        for pattern in &patterns {
            first[usize::from(pattern[0])] = true;
        }
        let build = || {
            AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .build(patterns.iter().map(|pattern| pattern.as_slice()))
                .expect("1 MiB of secrets is far from what an automaton can hold")
        };
        Self {
            finder: (!patterns.is_empty()).then(build),
            first,
            longest: patterns.iter().map(|pattern| pattern.len()).max().unwrap_or(0),
            patterns,
        }
    }
}

/// Every form of a value that is looked for.
fn forms(value: &[u8], take: &mut impl FnMut(Vec<u8>)) {
    take(value.to_vec());
    let trimmed = value.trim_ascii();
    if trimmed.len() >= SHORTEST && trimmed.len() < value.len() {
        forms(trimmed, take);
    }
    for line in value.split(|byte| matches!(byte, b'\n' | b'\r')) {
        if line.len() >= SHORTEST_LINE && line.len() < value.len() {
            take(line.to_vec());
        }
    }
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        take(engine.encode(value).into_bytes());
        // In the midst of something longer, as in a header with account and password: what of it is the same whatever
        // stands before and behind.
        for (before, cut) in [(0, 0), (1, 2), (2, 3)] {
            let padded = Zeroizing::new([&[0; 2][..before], value].concat());
            let whole_bits = padded.len() * 8 / 6;
            let encoded = engine.encode(&*padded).into_bytes();
            let core = &encoded[cut..whole_bits.min(encoded.len())];
            if core.len() >= SHORTEST_CORE {
                take(core.to_vec());
            }
        }
    }
    for upper in [true, false] {
        for plus in [true, false] {
            take(in_an_address(value, upper, plus));
        }
    }
    if let Ok(text) = std::str::from_utf8(value)
        && let Ok(json) = serde_json::to_string(text)
    {
        take(json.as_bytes()[1..json.len() - 1].to_vec());
    }
}

fn in_an_address(value: &[u8], upper: bool, plus: bool) -> Vec<u8> {
    let mut form = Vec::with_capacity(value.len() * 3);
    for byte in value {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            form.push(*byte);
        } else if plus && *byte == b' ' {
            form.push(b'+');
        } else {
            let hex = if upper {
                format!("%{byte:02X}")
            } else {
                format!("%{byte:02x}")
            };
            form.extend(hex.bytes());
        }
    }
    form
}

/// One stream with its secrets taken out.
pub(crate) struct Masker {
    masks: Arc<Masks>,
    /// What can't be let go yet: a secret may begin in it.
    held: Zeroizing<Vec<u8>>,
    /// Bytes at the beginning of `held` that belong to a secret which was masked already.
    covered: usize,
}

impl Masker {
    pub(crate) fn new(masks: Arc<Masks>) -> Self {
        Self {
            masks,
            held: Zeroizing::new(Vec::new()),
            covered: 0,
        }
    }

    /// Takes what came, and gives what can be passed on.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.masks.finder.is_none() {
            return bytes.to_vec();
        }
        self.held.extend_from_slice(bytes);
        let safe = self.begins();
        self.let_go(safe)
    }

    /// Gives the rest: nothing more comes.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let all = self.held.len();
        self.let_go(all)
    }

    /// Where a secret may begin that is not whole yet.
    fn begins(&self) -> usize {
        let from = (self.held.len() + 1).saturating_sub(self.masks.longest);
        (from..self.held.len())
            .find(|at| {
                let rest = &self.held[*at..];
                self.masks.first[usize::from(rest[0])]
                    && self
                        .masks
                        .patterns
                        .iter()
                        .any(|pattern| pattern.len() > rest.len() && pattern.starts_with(rest))
            })
            .unwrap_or(self.held.len())
    }

    /// Gives the first `safe` bytes of `held` with their secrets masked. All secrets that begin there are whole.
    fn let_go(&mut self, safe: usize) -> Vec<u8> {
        let mut given = Vec::with_capacity(safe);
        let mut spans = self.spans();
        spans.retain(|(start, _)| *start < safe);
        let (mut at, mut over) = (0, 0);
        for (start, end) in spans {
            given.extend_from_slice(&self.held[at..start]);
            if start > 0 || self.covered == 0 {
                given.extend_from_slice(MASK);
            }
            at = end.min(safe);
            over = end.saturating_sub(safe);
        }
        given.extend_from_slice(&self.held[at..safe]);
        // What a later secret covers beyond `safe` although it began before: it is not shown either.
        if safe == 0 {
            over = self.covered;
        }
        self.covered = over;
        self.held.drain(..safe);
        given
    }

    /// Where secrets are in `held`, those that overlap as one. Two that touch are two, also where the stream is not cut between them.
    fn spans(&self) -> Vec<(usize, usize)> {
        let mut spans: Vec<(usize, usize)> = Vec::new();
        if self.covered > 0 {
            spans.push((0, self.covered));
        }
        if let Some(finder) = &self.masks.finder {
            spans.extend(
                finder
                    .find_overlapping_iter(&**self.held)
                    .map(|found| (found.start(), found.end())),
            );
        }
        spans.sort_unstable();
        let mut merged: Vec<(usize, usize)> = Vec::new();
        for (start, end) in spans {
            match merged.last_mut() {
                Some(last) if start < last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(values: &[&[u8]], pieces: &[&[u8]]) -> String {
        let mut masker = Masker::new(Arc::new(Masks::new(values.iter().copied())));
        let mut given: Vec<u8> = pieces.iter().flat_map(|piece| masker.push(piece)).collect();
        given.extend(masker.finish());
        String::from_utf8_lossy(&given).into_owned()
    }

    #[test]
    fn a_secret_is_found_wherever_the_stream_is_cut() {
        let text = b"the token is s3cr3t-t0ken, again s3cr3t-t0ken.";
        for cut in 0..text.len() {
            let (one, other) = text.split_at(cut);
            assert_eq!(
                masked(&[b"s3cr3t-t0ken"], &[one, other]),
                "the token is ***, again ***.",
                "{cut}"
            );
        }
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(masked(&[b"s3cr3t-t0ken"], &single), "the token is ***, again ***.");
    }

    proptest::proptest! {
        /// Wherever the stream is cut, the same comes out as in one piece, and no secret is in it.
        #[test]
        fn cuts_make_no_difference(
            bytes in proptest::collection::vec(b'a'..=b'c', 0..60),
            values in proptest::collection::vec(proptest::collection::vec(b'a'..=b'c', 4..8), 1..4),
            size in 1usize..9,
        ) {
            let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            let shown = masked(&values, &pieces);
            for value in &values {
                proptest::prop_assert!(!shown.contains(std::str::from_utf8(value).unwrap()));
            }
            proptest::prop_assert_eq!(shown, masked(&values, &[&bytes]));
        }
    }

    #[test]
    fn nothing_waits_that_need_not() {
        let mut masker = Masker::new(Arc::new(Masks::new([&b"s3cr3t"[..]].into_iter())));
        assert_eq!(masker.push(b"12% done\r"), b"12% done\r");
        assert_eq!(masker.push(b"this s3c"), b"this ");
        assert_eq!(masker.push(b"ond"), b"s3cond");
    }

    #[test]
    fn secrets_that_share_bytes_are_all_taken_out() {
        assert_eq!(
            masked(&[b"abcd", b"abcdefgh"], &[b"-abcd", b"efgh-abcdefg-"]),
            "-***-***efg-"
        );
        assert_eq!(masked(&[b"xabc", b"abcde"], &[b"-xabc", b"de-"]), "-***-");
        assert_eq!(masked(&[b"aaaa"], &[b"aaaa", b"aa", b"aaab"]), "***b");
        assert_eq!(masked(&[b"abcd"], &[b"abcdabcd"]), "******");
        assert_eq!(masked(&[b"abcd"], &[b"abcd", b"abcd"]), "******");
    }

    #[test]
    fn forms_that_programs_make_of_it() {
        let value: &[u8] = b"p\xc3\xa4ss w\"rd/4711";
        let text = std::str::from_utf8(value).unwrap();
        let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let url = base64::engine::general_purpose::URL_SAFE;
        for before in ["", "u:", "us:", "user:"] {
            for behind in ["", "x", "xy"] {
                let whole = encode(format!("{before}{text}{behind}").as_bytes());
                let shown = masked(&[value], &[whole.as_bytes()]);
                let kept = shown.replace("***", "").trim_end_matches('=').len();
                assert!(
                    shown.contains("***") && kept <= (before.len() + behind.len()) * 4 / 3 + 6,
                    "{whole} {shown}"
                );
            }
        }
        assert!(masked(&[value], &[url.encode(value).as_bytes()]).starts_with("***"));
        assert_eq!(masked(&[value], &[b"?p=p%C3%A4ss%20w%22rd%2F4711&"]), "?p=***&");
        assert_eq!(masked(&[value], &[b"?p=p%c3%a4ss+w%22rd%2f4711&"]), "?p=***&");
        assert_eq!(masked(&[value], &[&serde_json::to_vec(text).unwrap()]), "\"***\"");
    }

    #[test]
    fn a_long_value_is_found_line_by_line() {
        let value: &[u8] = b"-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\nAAAA\n-----END KEY-----\n";
        assert_eq!(masked(&[value], &[b"> MIIEvQIBADANBgkqhkiG <"]), "> *** <");
        assert_eq!(masked(&[value], &[value.trim_ascii()]), "***");
    }

    #[test]
    fn other_bytes_pass_as_they_are() {
        let bytes = [0, 255, 254, b's', 0xc3, b'\n', 0x80];
        let mut masker = Masker::new(Arc::new(Masks::new([&b"s3cr3t"[..], b"abc", b""].into_iter())));
        let mut given = masker.push(&bytes);
        given.extend(masker.finish());
        assert_eq!(given, bytes);
        assert_eq!(masked(&[b"abc"], &[b"abc"]), "abc", "too short to be told from a word");
    }
}
