//! The Master Key on its way in: from a file that was named, or typed without echo. Never an argument, never the
//! environment.

use std::path::Path;

use holdfast_commands::Hidden;
use holdfast_crypto::{MIN_PHRASE_BITS, Phrase, SecondSecret};
use holdfast_engine::Error;
use zeroize::Zeroizing;

use crate::args::Common;
use crate::failure::{Failure, Result};
use crate::input;
use crate::output::{is_terminal, message};

/// How often a person may mistype.
pub(crate) const TRIES: u32 = 3;

/// A phrase that can be one, with its text.
pub(crate) struct PhraseText {
    text: Zeroizing<String>,
    pub(crate) phrase: Phrase,
}

impl PhraseText {
    fn new(text: Zeroizing<String>) -> Result<Self> {
        let phrase = Phrase::new(&text).map_err(unusable)?;
        Ok(Self { text, phrase })
    }

    /// From a file's bytes, without the one line end at their end.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let phrase = Phrase::from_file_bytes(bytes).map_err(unusable)?;
        let line = bytes
            .strip_suffix(b"\n")
            .map_or(bytes, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let text = str::from_utf8(line).map_err(|_| Error::BadPhrase("the file is not UTF-8"))?;
        Ok(Self {
            text: Zeroizing::new(text.to_owned()),
            phrase,
        })
    }

    fn from_file(path: &Path) -> Result<Self> {
        Self::from_bytes(&input::bytes(path)?)
    }

    /// Eight words, drawn at random.
    pub(crate) fn generate() -> Self {
        let (phrase, text) = Phrase::generate(&mut holdfast_engine::rng());
        Self { text, phrase }
    }

    pub(crate) fn expose(&self) -> &str {
        &self.text
    }

    pub(crate) fn hidden(&self) -> Hidden {
        Hidden::new(self.text.clone())
    }

    fn check_strength(self, floor: u32) -> Result<Self> {
        Phrase::check_at_least(&self.text, floor).map_err(|error| refusal(error, floor))?;
        Ok(self)
    }
}

/// The Master Key of this profile, or of an account to sign in to, and whether another try makes sense if it is wrong.
pub(crate) fn current(common: &Common) -> Result<(PhraseText, bool)> {
    match &common.master_key_file {
        Some(path) => Ok((PhraseText::from_file(path)?, false)),
        None if is_terminal() => Ok((PhraseText::new(input::hidden("Master Key: ")?)?, true)),
        None => Err(Error::Locked.into()),
    }
}

/// Whether the one who typed a wrong Master Key gets another try; says so.
pub(crate) fn try_again(failure: &Failure, asked: bool, tried: u32) -> bool {
    let again =
        asked && tried < TRIES && matches!(failure.code(), "wrong-master-key" | "sign-in-refused" | "bad-phrase");
    if again {
        let hint = match failure.code() {
            "sign-in-refused" => "Check the handle, too.",
            _ => "Check Caps Lock and the keyboard layout.",
        };
        message(&format!("{} {hint}", failure.0.message));
    }
    again
}

/// A second secret from a file. A slip of the fingers is told before anything is sent.
pub(crate) fn second_secret(file: &Path) -> Result<SecondSecret> {
    SecondSecret::parse(&input::text(file)?).map_err(|error| unusable(error).into())
}

/// The same, typed; none if nothing was typed where this computer has one.
pub(crate) fn ask_second_secret(kept: bool) -> Result<Option<SecondSecret>> {
    let text = input::starred(match kept {
        true => "Second secret (nothing: the one that this computer has): ",
        false => "Second secret: ",
    })?;
    if kept && text.is_empty() {
        return Ok(None);
    }
    let second = SecondSecret::parse(&text).map_err(unusable)?;
    Ok(Some(second))
}

/// A new Master Key of at least so many bits: from a file, or typed twice. `instead` says which option names the file.
pub(crate) fn fresh(file: Option<&Path>, floor: u32, instead: &str) -> Result<PhraseText> {
    if let Some(path) = file {
        return PhraseText::from_file(path)?.check_strength(floor);
    }
    if !is_terminal() {
        return Err(Failure::usage(
            "There is no terminal to ask for the new Master Key.",
            instead,
        ));
    }
    message("Choose the one phrase that opens everything. Long is good: six or more words that don't belong together.");
    ask("New Master Key: ", floor)
}

/// A passphrase for a file that is written, as strong: whoever has the file may guess as long as he likes.
pub(crate) fn fresh_for_file(file: Option<&Path>) -> Result<PhraseText> {
    if let Some(path) = file {
        return PhraseText::from_file(path)?.check_strength(MIN_PHRASE_BITS);
    }
    if !is_terminal() {
        return Err(Failure::usage(
            "There is no terminal to ask for the file's passphrase.",
            "Name a file that holds it with --passphrase-file.",
        ));
    }
    message("Choose a passphrase for this file alone. Without it nobody opens the file, you included.");
    ask("Passphrase of the file: ", MIN_PHRASE_BITS)
}

fn ask(prompt: &str, floor: u32) -> Result<PhraseText> {
    for tried in 1.. {
        match ask_twice(prompt, floor) {
            Err(failure) if tried < TRIES && matches!(failure.code(), "weak-phrase" | "bad-phrase" | "differ") => {
                message(&failure.0.message);
            }
            answer => return answer,
        }
    }
    Err(Error::Locked.into())
}

fn ask_twice(prompt: &str, floor: u32) -> Result<PhraseText> {
    let first = PhraseText::new(input::hidden(prompt)?)?.check_strength(floor)?;
    let second = input::hidden("Once more: ")?;
    if *first.text != *second {
        return Err(Failure::new(
            "differ",
            "The two are not the same.",
            "Type the same phrase twice.",
        ));
    }
    Ok(first)
}

fn unusable(error: holdfast_crypto::Error) -> Error {
    refusal(error, MIN_PHRASE_BITS)
}

fn refusal(error: holdfast_crypto::Error, floor: u32) -> Error {
    match error {
        holdfast_crypto::Error::WeakPhrase(bits) => Error::WeakPhrase { bits, floor },
        holdfast_crypto::Error::SecondSecret(reason) => Error::BadSecondSecret(reason),
        holdfast_crypto::Error::Phrase(reason) => Error::BadPhrase(reason),
        other => Error::Internal(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_not_part_of_it() {
        for (bytes, text) in [
            (&b"a b\n"[..], "a b"),
            (b"a b\r\n", "a b"),
            (b"a b", "a b"),
            (b" a b ", " a b "),
        ] {
            assert_eq!(
                PhraseText::from_bytes(bytes)
                    .ok()
                    .map(|phrase| phrase.text.to_string())
                    .as_deref(),
                Some(text)
            );
        }
        for bytes in [&b""[..], b"\n", b"a\n\n", b"a\tb", b"\xff"] {
            assert_eq!(
                PhraseText::from_bytes(bytes)
                    .err()
                    .map(|failure| failure.0.code)
                    .as_deref(),
                Some("bad-phrase")
            );
        }
    }

    #[test]
    fn a_generated_one_is_strong() {
        let phrase = PhraseText::generate();
        assert_eq!(phrase.expose().split(' ').count(), 8);
        assert!(phrase.check_strength(MIN_PHRASE_BITS).is_ok());
    }
}
