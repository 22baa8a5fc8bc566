//! Checks that the page is built, and lets Tauri generate what it needs.

/// Every command of `src/ipc.rs`: one that is not named here and in `capabilities/main.json` is refused.
const COMMANDS: &[&str] = &[
    "look",
    "watch",
    "alive",
    "set_settings",
    "copy_text",
    "make_phrase",
    "judge_phrase",
    "check_server",
    "look_at_invitation",
    "sign_up",
    "sign_in",
    "recover",
    "save_kit",
    "kit_question",
    "kit_answer",
    "kit_kept",
    "enter",
    "unlock",
    "unlock_quickly",
    "set_quick_unlock",
    "lock",
    "run",
    "new_kit",
    "read_fields",
    "copy_field",
    "describe_secret",
    "take_secret",
    "read_variables",
    "preview_import",
    "import_secrets",
    "forget_import",
    "delete_import_file",
    "export_secrets",
    "change_key",
    "export_activity",
    "refused_words",
    "refuse_words",
    "relocate",
    "back_up",
    "stop_chore",
    "check_up",
    "pick",
    "upload_plan",
    "start_job",
    "jobs",
    "pause_job",
    "resume_job",
    "give_up_job",
];

/// The same, and the tests' own.
const TESTED: &[&str] = &{
    let mut all = [""; COMMANDS.len() + 1];
    let mut n = 0;
    while n < COMMANDS.len() {
        all[n] = COMMANDS[n];
        n += 1;
    }
    all[n] = "drop_files";
    all
};

fn main() {
    println!("cargo::rerun-if-changed=ui/dist");
    if !std::path::Path::new("ui/dist/index.html").exists() {
        println!(
            "cargo::error=The page is not built yet. `cargo xtask run` and `cargo xtask test` do it; by hand: cd ui && npm ci && npm run build"
        );
        return;
    }
    // The tests' own command has a capability of its own, which a release does not see.
    let tested = std::env::var_os("CARGO_FEATURE_E2E").is_some();
    let capabilities = if tested {
        "src-tauri/capabilities/*.json"
    } else {
        "src-tauri/capabilities/main.json"
    };
    let commands = tauri_build::AppManifest::new().commands(if tested { TESTED } else { COMMANDS });
    let attributes = tauri_build::Attributes::new()
        .app_manifest(commands)
        .capabilities_path_pattern(capabilities);
    if let Err(error) = tauri_build::try_build(attributes) {
        println!("cargo::error={error:#}");
    }
}
