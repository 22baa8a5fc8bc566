//! Prints the API's description: `cargo run -p holdfast-server --example openapi > docs/openapi.json`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(holdfast_server::openapi_json().as_bytes())
}
