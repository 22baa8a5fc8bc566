//! Does the time that a refusal takes tell why it was refused? Measured as dudect does (Reparaz, Balasch, Verbauwhede:
//! "Dude, is my code constant time?", 2017): inputs of several classes in random order, the slowest measurements cropped
//! at several percentiles, Welch's t of two classes at a time.
//!
//! `cargo xtask bench timing` runs it and judges. Beside what must not differ stand two kinds of controls: programs that leak
//! on purpose, which must be found, and a class against itself, which must not.
//!
//! With `--json` one line per comparison, for xtask. `--times K` takes K times the samples.
#![expect(clippy::print_stdout, reason = "a measuring program")]

mod chance;
mod encoded;
mod oaep;
mod stats;
mod tags;

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use chance::Chance;
use stats::{Comparison, compare};

/// What a comparison ought to show.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// No difference: one would tell a stranger what he must not know.
    Same,
    /// A difference: the program compared here leaks on purpose. If it is not found, the measurement is blind.
    Leak,
    /// Either: what differs is told by the outcome anyway.
    Told,
}

impl Expected {
    fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Leak => "leak",
            Self::Told => "told",
        }
    }
}

/// Inputs that a stranger must not be able to tell from those of another class.
struct Class {
    name: &'static str,
    /// Many, so that no single one stands for its class.
    inputs: Vec<Vec<u8>>,
}

/// Two classes by number, and what is expected of them.
type Pair = (usize, usize, Expected);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let times = arguments
        .iter()
        .skip_while(|argument| *argument != "--times")
        .nth(1)
        .map_or(Ok(1), |text| text.parse())?;
    let mut rng = Chance::new();
    tags::run(times, &mut rng, json)?;
    oaep::run(times, &mut rng, json)
}

/// Whether the right class opens, and no other does.
fn as_said(classes: &[Class], right: usize, opens: impl Fn(&[u8]) -> bool) -> Result<(), Box<dyn Error>> {
    for (at, class) in classes.iter().enumerate() {
        if opens(&class.inputs[0]) != (at == right) {
            return Err(format!("the class `{}` is not what it says", class.name).into());
        }
    }
    Ok(())
}

/// Measures `work` over all classes at once, `samples` of each, and returns what each took, in nanoseconds.
///
/// Every input is copied into the same memory before the clock starts: no class has an address of its own.
fn measure(classes: &[Class], samples: usize, rng: &mut Chance, mut work: impl FnMut(&[u8])) -> Vec<Vec<f64>> {
    let mut took: Vec<Vec<f64>> = classes.iter().map(|_| Vec::with_capacity(samples)).collect();
    let mut buffer = Vec::new();
    // The first tenth warms caches and the processor's guesses, and is not counted.
    let warm_up = classes.len() * samples / 10;
    let mut round = 0;
    while took.iter().any(|times| times.len() < samples) {
        let class = rng.below(classes.len());
        let inputs = &classes[class].inputs;
        buffer.clear();
        buffer.extend_from_slice(&inputs[rng.below(inputs.len())]);
        let start = Instant::now();
        work(black_box(&buffer));
        let time = start.elapsed().as_nanos() as f64;
        round += 1;
        if round > warm_up {
            took[class].push(time);
        }
    }
    took
}

/// Compares pairs of classes and prints a line for each.
fn report(what: &str, classes: &[Class], took: &[Vec<f64>], pairs: &[Pair], json: bool) {
    for (left, right, expected) in pairs {
        let found = compare(&took[*left], &took[*right]);
        let (left, right) = (classes[*left].name, classes[*right].name);
        if json {
            println!("{}", as_json(what, left, right, *expected, &found));
        } else {
            let names = format!("{what}: {left} | {right}");
            println!(
                "{names:<72} t {:>8.2} (uncropped {:.2}), {:+.1} of {:.0} ns, {} + {} samples, expected: {}",
                found.t,
                found.uncropped,
                found.difference,
                found.mean,
                found.samples.0,
                found.samples.1,
                expected.word()
            );
        }
    }
}

fn as_json(what: &str, left: &str, right: &str, expected: Expected, found: &Comparison) -> serde_json::Value {
    serde_json::json!({
        "what": what,
        "left": left,
        "right": right,
        "expected": expected.word(),
        "t": found.t,
        "uncropped": found.uncropped,
        "kept": found.kept,
        "difference_ns": found.difference,
        "mean_ns": found.mean,
        "samples": [found.samples.0, found.samples.1],
    })
}
