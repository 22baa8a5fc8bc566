//! Prints the page's types: what it may ask, what it is answered, what it is told. `cargo xtask gen` writes them to
//! `ui/src/generated/types.ts`; a test run fails when that file is not what is printed here.

#![allow(clippy::print_stdout, reason = "printing is all it does")]

use holdfast_app::types as app;
use holdfast_commands::{Command, Ending, FieldInput, types, view};
use ts_rs::{Config, TS};

macro_rules! print_all {
    ($config:expr, $($type:ty,)*) => {
        $(println!("export {}\n", <$type>::decl($config));)*
    };
}

/// Each verb, and the view it is answered with.
macro_rules! print_answers {
    ($config:expr, $($verb:literal: $view:ty,)*) => {
        println!("export type Answers = {{");
        $(println!("  \"{}\": {},", $verb, <$view>::name($config));)*
        println!("}};\n");
    };
}

fn main() {
    // Bytes, times and counts stay far below 2^53.
    let config = &Config::new().with_large_int("number");
    println!("// Generated from Rust by `cargo xtask gen`. Change it there.\n");
    print_all!(
        config,
        types::Role,
        types::ItemKind,
        types::SecretType,
        types::PinState,
        types::Stage,
        types::Step,
        FieldInput,
        Command,
        Ending,
        view::StatusView,
        view::WhoamiView,
        view::WordsView,
        view::CheckedView,
        view::ProjectView,
        view::ProjectDetail,
        view::KindCount,
        view::MemberView,
        view::ShareView,
        view::InvitationView,
        view::PersonView,
        view::WaitingView,
        view::RemovedView,
        view::ItemName,
        view::ActivityView,
        view::UploadView,
        view::SkippedView,
        view::DownloadView,
        view::ItemView,
        view::VersionView,
        view::SecretView,
        view::SecretDetail,
        view::FieldView,
        view::EditView,
        view::MovedView,
        view::IdView,
        view::PurgedView,
        view::DeviceView,
        view::KeyChangeView,
        view::KitView,
        view::DoneView,
        view::ErrorView,
        app::Theme,
        app::Settings,
        app::Phase,
        app::ServerLook,
        app::Look,
        app::Place,
        app::ServerCheck,
        app::InvitationLook,
        app::Judgement,
        app::NewAccountForm,
        app::SignInForm,
        app::RecoverForm,
        app::Pick,
        app::Picked,
        app::JobRequest,
        app::JobState,
        app::Answered,
        app::JobView,
        app::Event,
    );
    print_answers!(
        config,
        "status": view::StatusView,
        "whoami": view::WhoamiView,
        "words": view::WordsView,
        "verify": view::WordsView,
        "people-list": Vec<view::PersonView>,
        "key-change": view::KeyChangeView,
        "kit-new": view::KitView,
        "kit-test": view::DoneView,
        "device-list": Vec<view::DeviceView>,
        "device-remove": view::DoneView,
        "project-create": view::ProjectView,
        "project-list": Vec<view::ProjectView>,
        "project-show": view::ProjectDetail,
        "project-rename": view::IdView,
        "project-delete": view::DoneView,
        "project-restore": view::DoneView,
        "project-purge": view::PurgedView,
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
        "item-list": Vec<view::ItemView>,
        "item-show": view::ItemView,
        "item-versions": Vec<view::VersionView>,
        "download": view::DownloadView,
        "item-rename": view::IdView,
        "item-delete": view::DoneView,
        "item-restore": view::DoneView,
        "secret-add": view::IdView,
        "secret-list": Vec<view::SecretView>,
        "secret-show": view::SecretDetail,
        "secret-edit": view::EditView,
        "secret-history": Vec<view::VersionView>,
        "secret-move": view::MovedView,
        "secret-remove": view::DoneView,
    );
}
