//! Canaries: strings that nobody else writes, each with the place where it was planted.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use holdfast_crypto::sha256;

/// What becomes of a canary where the server may read along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// What every server must know: handles.
    Visible,
    /// Content and names of a project, whether encrypted or standard.
    Project,
    /// What only vaults and encrypted projects hold: secrets, invitations, the own name.
    Sealed,
    /// What no server ever gets, not even sealed: Master Keys, words, and what belongs to commands that failed.
    Unsent,
}

/// A string to look for.
#[derive(Clone)]
pub struct Canary {
    /// Where it was planted.
    pub label: String,
    /// What becomes of it.
    pub class: Class,
    /// All of it.
    pub text: Vec<u8>,
    /// Pieces of it that are each enough to know it by.
    pub parts: Vec<Vec<u8>>,
}

/// All canaries of one run. The same label gives the same canary.
pub struct Canaries {
    seed: u64,
    planted: Mutex<BTreeMap<String, Canary>>,
}

impl Canaries {
    /// Canaries that no other run has.
    #[must_use]
    pub fn new() -> Self {
        Self::with_seed(RandomState::new().hash_one(std::process::id()))
    }

    /// Canaries of a known run.
    #[must_use]
    pub fn with_seed(seed: u64) -> Self {
        Self {
            seed,
            planted: Mutex::default(),
        }
    }

    /// What this run's canaries are made from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A canary with a space and a letter outside of ASCII between its two halves, so that it changes under every
    /// encoding; either half is enough to know it by (80 bits each).
    pub fn make(&self, class: Class, label: &str) -> String {
        let letters = self.letters(label);
        let (first, second) = letters.split_at(16);
        let text = format!("{first} é {second}");
        self.keep(
            class,
            label,
            text.as_bytes().to_vec(),
            vec![first.into(), second.into()],
        );
        text
    }

    /// A canary of 20 lowercase letters and digits (100 bits).
    pub fn make_plain(&self, class: Class, label: &str) -> String {
        let text = self.letters(label)[..20].to_owned();
        self.adopt(class, label, text.as_bytes());
        text
    }

    /// Takes something secret that the product drew itself for a canary.
    pub fn adopt(&self, class: Class, label: &str, text: &[u8]) {
        self.keep(class, label, text.to_vec(), vec![text.to_vec()]);
    }

    /// All canaries so far, by label.
    #[must_use]
    pub fn all(&self) -> Vec<Canary> {
        self.planted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    fn letters(&self, label: &str) -> String {
        const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let digest = sha256(&[b"canary", &self.seed.to_be_bytes(), label.as_bytes()]);
        digest
            .iter()
            .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
            .collect()
    }

    fn keep(&self, class: Class, label: &str, text: Vec<u8>, parts: Vec<Vec<u8>>) {
        let canary = Canary {
            label: label.to_owned(),
            class,
            text,
            parts,
        };
        self.planted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(label.to_owned(), canary);
    }
}

impl Default for Canaries {
    fn default() -> Self {
        Self::new()
    }
}
