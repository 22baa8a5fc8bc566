//! `holdfast secret generate`: how a password is asked for.

use clap::{Args, ValueEnum};
use holdfast_commands::{CharacterClass, MAX_LENGTH, PasswordKind, Recipe};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GenerateWhat {
    /// Words that are easy to read out
    Words,
    /// Letters, digits and signs, without those that look alike
    Characters,
    /// Digits
    Pin,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClassArg {
    /// a to z
    Lower,
    /// A to Z
    Upper,
    /// 0 to 9
    Digits,
    /// + - _ . : = @ %
    Signs,
}

const GENERATE: &str = "\
Examples:
  holdfast secret generate                     # six words
  holdfast secret generate characters --length 32
  holdfast secret generate characters --classes lower,digits --look-alikes
  holdfast secret generate pin --length 8 --json | jq .bits

It is made on this computer, needs no account, and is kept nowhere.";

#[derive(Args)]
#[command(after_help = GENERATE)]
pub(crate) struct SecretGenerate {
    /// Of what
    #[arg(value_enum, default_value_t = GenerateWhat::Words)]
    pub(crate) what: GenerateWhat,
    /// How many words, characters or digits [default: 6 words, 20 characters, 6 digits]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_LENGTH)))]
    pub(crate) length: Option<u32>,
    /// Characters: at least one of each of these, and no others [default: all]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CLASS,...")]
    pub(crate) classes: Vec<ClassArg>,
    /// Characters: also those that look alike (l I 1, O 0)
    #[arg(long)]
    pub(crate) look_alikes: bool,
}

impl SecretGenerate {
    pub(crate) fn recipe(&self) -> Recipe {
        Recipe {
            kind: match self.what {
                GenerateWhat::Words => PasswordKind::Words,
                GenerateWhat::Characters => PasswordKind::Characters,
                GenerateWhat::Pin => PasswordKind::Pin,
            },
            length: self.length,
            classes: self
                .classes
                .iter()
                .map(|class| match class {
                    ClassArg::Lower => CharacterClass::Lower,
                    ClassArg::Upper => CharacterClass::Upper,
                    ClassArg::Digits => CharacterClass::Digits,
                    ClassArg::Signs => CharacterClass::Signs,
                })
                .collect(),
            look_alikes: self.look_alikes,
        }
    }
}
