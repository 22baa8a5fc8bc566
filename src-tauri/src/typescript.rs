//! The page's types, written out as TypeScript: what it may ask, what it is answered, what it is told.

use std::fmt::Write as _;

use holdfast_commands::{
    CharacterClass, Command, Ending, Expiry, ExportProtection, FieldInfo, FieldInput, ImportChoice, ImportFile,
    PasswordKind, Recipe, RunInput, RunOrder, SECRET_TYPES, SecondChange, types, view,
};
use serde_json::{Value, json};
use ts_rs::{Config, TS};

use crate::types as app;

macro_rules! print_all {
    ($out:expr, $config:expr, $($type:ty,)*) => {
        $(let _ = writeln!($out, "export {}\n", <$type>::decl($config));)*
    };
}

/// Each verb, and the view it is answered with.
macro_rules! print_answers {
    ($out:expr, $config:expr, $($verb:literal: $view:ty,)*) => {
        let _ = writeln!($out, "export type Answers = {{");
        $(let _ = writeln!($out, "  \"{}\": {},", $verb, <$view>::name($config));)*
        let _ = writeln!($out, "}};\n");
    };
}

/// The text of `ui/src/generated/types.ts`.
#[must_use]
#[expect(clippy::too_many_lines, reason = "a list")]
pub fn text() -> String {
    let mut text = String::new();
    let out = &mut text;
    // Bytes, times and counts stay far below 2^53.
    let config = &Config::new().with_large_int("number");
    let _ = writeln!(out, "// Generated from Rust by `cargo xtask gen`. Change it there.\n");
    print_all!(
        out,
        config,
        types::Role,
        types::ItemKind,
        types::SecretType,
        types::PinState,
        types::Stage,
        types::Step,
        types::OnClash,
        types::ImportSource,
        types::Level,
        types::Finding,
        PasswordKind,
        CharacterClass,
        Recipe,
        ImportFile,
        ImportChoice,
        ExportProtection,
        Expiry,
        FieldInput,
        RunInput,
        RunOrder,
        SecondChange,
        Command,
        Ending,
        view::StatusView,
        view::CameView,
        view::MonitorView,
        view::PublishedView,
        view::WitnessingView,
        view::WitnessView,
        view::WhoamiView,
        view::WordsView,
        view::CheckedView,
        view::ProjectView,
        view::ProjectDetail,
        view::KindCount,
        view::MemberView,
        view::ShareView,
        view::InvitationView,
        view::WaitingView,
        view::FilesView,
        view::FileView,
        view::ChangesView,
        view::ChangeView,
        holdfast_preview::Column,
        holdfast_preview::ColumnType,
        holdfast_preview::CutCell,
        holdfast_preview::Table,
        holdfast_preview::Text,
        holdfast_preview::Image,
        holdfast_preview::Binary,
        holdfast_preview::Note,
        view::PreviewView,
        view::PlanView,
        view::SizedView,
        view::PendingView,
        view::PersonView,
        view::RemovedView,
        view::ItemName,
        view::ActivityView,
        view::UploadView,
        view::SkippedView,
        view::DownloadView,
        view::ItemView,
        view::VersionView,
        view::SecretView,
        view::SecretVersionView,
        view::SecretDetail,
        view::FieldView,
        view::EditView,
        view::MovedView,
        view::NodeInviteView,
        view::NodeView,
        view::NodeProjectView,
        view::CardView,
        view::AuthorisedView,
        view::WithdrawnView,
        view::RunView,
        view::TaskView,
        view::ParameterView,
        view::TaskInputView,
        view::TaskSecretView,
        view::TaskOutputView,
        view::TaskLimitsView,
        view::FaultView,
        view::RunInputView,
        view::RunSecretView,
        view::RunParamView,
        view::RunArtifactView,
        view::LogPieceView,
        view::RunLogView,
        view::RunFilesView,
        view::WorkflowView,
        view::WorkflowStepView,
        view::MetricNumber,
        view::MetricPointView,
        view::MetricView,
        view::LastMetricView,
        view::RunDetail,
        view::IdView,
        view::PurgedView,
        view::RelockView,
        view::LeftView,
        view::DeviceView,
        view::KeyChangeView,
        view::SecondSecretView,
        view::KitView,
        view::DoneView,
        view::ErrorView,
        view::GeneratedView,
        view::SecretTypeView,
        view::FieldTypeView,
        view::SecretNotesView,
        view::SecretNoteView,
        view::AlsoInView,
        view::ImportWill,
        view::ImportPlanView,
        view::ImportEntryView,
        view::ImportClashView,
        view::ImportSkippedView,
        view::ImportView,
        view::ImportUndoView,
        view::ExportView,
        view::MovingView,
        view::StayingView,
        view::RelocationPlanView,
        view::RelocatedView,
        view::DoctorView,
        view::BackupView,
        view::DamagedPartView,
        app::Theme,
        app::Settings,
        app::Phase,
        app::ServerLook,
        app::Entered,
        app::QuickLook,
        app::Checkup,
        app::Look,
        app::Place,
        app::ServerCheck,
        app::InvitationLook,
        app::Judgement,
        app::NewAccountForm,
        app::SignInForm,
        app::KeyChangeForm,
        app::RecoverForm,
        app::Pick,
        app::Picked,
        app::ImportForm,
        app::ExportForm,
        app::JobRequest,
        app::JobState,
        app::Answered,
        app::LeftOver,
        app::JobView,
        app::Event,
    );
    print_answers!(
        out,
        config,
        "status": view::StatusView,
        "whoami": view::WhoamiView,
        "words": view::WordsView,
        "verify": view::WordsView,
        "monitor": view::MonitorView,
        "people-list": Vec<view::PersonView>,
        "key-change": view::KeyChangeView,
        "second-secret": view::SecondSecretView,
        "kit-new": view::KitView,
        "kit-test": view::DoneView,
        "relocation-plan": view::RelocationPlanView,
        "relocate": view::RelocatedView,
        "device-list": Vec<view::DeviceView>,
        "device-remove": view::DoneView,
        "project-create": view::ProjectView,
        "project-list": Vec<view::ProjectView>,
        "project-show": view::ProjectDetail,
        "project-rename": view::IdView,
        "project-delete": view::DoneView,
        "project-restore": view::DoneView,
        "project-purge": view::PurgedView,
        "project-relock": view::RelockView,
        "project-share": view::ShareView,
        "project-invite": view::InvitationView,
        "project-role": view::MemberView,
        "invitation-list": Vec<view::WaitingView>,
        "invitation-withdraw": view::DoneView,
        "invitation-accept": view::IdView,
        "project-members": Vec<view::MemberView>,
        "project-remove": view::RemovedView,
        "project-leave": view::DoneView,
        "project-activity": Vec<view::ActivityView>,
        "upload": view::UploadView,
        "upload-plan": view::PlanView,
        "uploads-pending": Vec<view::PendingView>,
        "upload-abandon": view::DoneView,
        "item-files": view::FilesView,
        "item-changes": view::ChangesView,
        "preview": view::PreviewView,
        "item-list": Vec<view::ItemView>,
        "item-show": view::ItemView,
        "item-versions": Vec<view::VersionView>,
        "download": view::DownloadView,
        "item-rename": view::IdView,
        "item-delete": view::DoneView,
        "item-forget": view::PurgedView,
            "item-restore": view::DoneView,
        "secret-add": view::IdView,
        "secret-list": Vec<view::SecretView>,
        "secret-show": view::SecretDetail,
        "secret-edit": view::EditView,
        "secret-describe": view::IdView,
        "secret-history": Vec<view::SecretVersionView>,
        "secret-move": view::MovedView,
        "secret-purge": view::PurgedView,
        "secret-remove": view::DoneView,
        "secret-restore": view::IdView,
        "secret-untrash": view::IdView,
        "secret-notes": Vec<view::SecretNotesView>,
        "secret-types": Vec<view::SecretTypeView>,
        "secret-generate": view::GeneratedView,
        "secret-import-preview": view::ImportPlanView,
        "secret-import": view::ImportView,
        "secret-import-undo": view::ImportUndoView,
        "secret-export": view::ExportView,
        "node-invite": view::NodeInviteView,
        "node-list": Vec<view::NodeView>,
        "node-words": view::WordsView,
        "node-verify": view::WordsView,
        "node-authorise": view::AuthorisedView,
        "node-withdraw": view::WithdrawnView,
        "node-end": view::DoneView,
        "task-manifest": view::TaskView,
        "run-check": Vec<view::FaultView>,
        "run-start": view::IdView,
        "run-list": Vec<view::RunView>,
        "run-show": view::RunDetail,
        "run-log": view::RunLogView,
        "run-metrics": Vec<view::MetricView>,
        "run-stop": view::DoneView,
        "run-artifacts": view::RunFilesView,
        "workflow-advance": view::WorkflowView,
        "workflow-show": view::WorkflowView,
        "workflow-stop": view::DoneView,
    );
    secret_types(&mut text);
    format!("{}\n", text.trim_end())
}

/// The table of types of secrets, without its words: those are the page's own.
fn secret_types(out: &mut String) {
    let field = |info: &FieldInfo| {
        json!({
            "name": info.name,
            "hidden": info.hidden,
            "multiline": info.multiline,
            "password": info.password,
            "main": info.main,
            "example": info.example,
        })
    };
    let types: Vec<Value> = SECRET_TYPES
        .iter()
        .map(|info| json!({ "type": info.name, "fields": info.fields.iter().map(field).collect::<Vec<_>>() }))
        .collect();
    let _ = writeln!(
        out,
        "export const SECRET_TYPES: readonly {{ type: SecretType; fields: readonly Omit<FieldTypeView, \"label\">[] }}[] =\n  {:#};\n",
        Value::Array(types)
    );
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_types_are_these() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/ui/src/generated/types.ts");
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(
            committed == super::text(),
            "ui/src/generated/types.ts has drifted: cargo xtask gen"
        );
    }
}
