//! What the page may ask for. Each command is thin: read, call, answer. Errors are {code, message, next}.

mod chores;
mod door;
mod files;
mod look;
mod people;
mod secret_files;
mod secrets;
mod work;

use holdfast_commands::view::ErrorView;
use holdfast_engine::Error;
use tauri::Wry;
use tauri::ipc::Invoke;

/// What a command answers.
type Answer<T> = Result<T, ErrorView>;

/// As the page gets to know it.
fn told(error: Error) -> ErrorView {
    ErrorView::from(&error)
}

/// All commands; `build.rs` and the capability name the same ones.
pub(crate) fn handler() -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        look::look,
        look::watch,
        look::alive,
        look::set_settings,
        look::copy_text,
        door::make_phrase,
        door::judge_phrase,
        door::check_server,
        door::look_at_invitation,
        door::sign_up,
        door::sign_in,
        door::recover,
        door::save_kit,
        door::kit_question,
        door::kit_answer,
        door::kit_kept,
        door::enter,
        door::unlock,
        door::unlock_quickly,
        door::set_quick_unlock,
        door::lock,
        work::run,
        work::new_kit,
        secrets::read_fields,
        secrets::copy_field,
        secrets::describe_secret,
        secrets::take_secret,
        secret_files::read_variables,
        secret_files::preview_import,
        secret_files::import_secrets,
        secret_files::forget_import,
        secret_files::delete_import_file,
        secret_files::export_secrets,
        work::change_key,
        work::export_activity,
        people::refused_words,
        people::refuse_words,
        chores::relocate,
        chores::back_up,
        chores::stop_chore,
        chores::check_up,
        files::pick,
        files::upload_plan,
        files::start_job,
        files::jobs,
        files::pause_job,
        files::resume_job,
        files::give_up_job,
        #[cfg(feature = "e2e")]
        crate::tested::drop_files,
    ]
}
