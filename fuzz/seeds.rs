//! Writes seeds into `corpus/NAME`: from the vectors, and from files made here with keys and signatures that hold.
//! `cargo run --example seeds`

#[path = "seeds/files.rs"]
mod files;
#[path = "seeds/log.rs"]
mod log;
#[path = "seeds/messages.rs"]
mod messages;
#[path = "seeds/texts.rs"]
mod texts;

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::Value;

/// Where seeds go.
struct Seeds {
    corpus: PathBuf,
    written: usize,
}

impl Seeds {
    /// A seed of a target. Its name is its content's, so that none is there twice.
    fn add(&mut self, target: &str, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let known = holdfast_fuzz::TARGETS.iter().find(|(name, _)| *name == target);
        let (_, run) = known.unwrap_or_else(|| panic!("there is no target {target}"));
        run(bytes);
        let folder = self.corpus.join(target);
        let name = hex::encode(&holdfast_crypto::sha256(&[bytes])[..20]);
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join(name), bytes))
            .expect("the corpus can be written");
        self.written += 1;
    }

    /// The same with a byte before it, which says how the target takes it.
    fn with(&mut self, target: &str, mode: u8, bytes: impl AsRef<[u8]>) {
        self.add(target, [&[mode], bytes.as_ref()].concat());
    }
}

/// A vector of one of our crates.
fn vector(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates").join(path);
    serde_json::from_slice(&fs::read(path).expect("the vector is there")).expect("a vector is JSON")
}

fn main() -> io::Result<()> {
    let corpus = std::env::args()
        .nth(1)
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"), PathBuf::from);
    let mut seeds = Seeds { corpus, written: 0 };
    messages::write(&mut seeds);
    log::write(&mut seeds);
    files::write(&mut seeds);
    texts::write(&mut seeds);
    println!("{} seeds in {}", seeds.written, seeds.corpus.display());
    Ok(())
}
