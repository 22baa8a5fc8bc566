//! Prints the page's types. `cargo xtask gen` writes them to `ui/src/generated/types.ts`.

#![allow(clippy::print_stdout, reason = "printing is all it does")]

fn main() {
    print!("{}", holdfast_app::typescript::text());
}
