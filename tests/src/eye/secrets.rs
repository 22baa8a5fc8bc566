//! Plants secrets of every type, and what else only a vault or an encrypted project holds.

use super::canary::Class;
use super::plant::Planter;

/// Types of secrets, their secret fields, and those that may stand on a command line.
const TYPES: [(&str, &[&str], &[&str]); 8] = [
    ("git", &["token"], &["host", "username", "account", "purpose"]),
    ("aws", &["access_key_id", "secret_access_key"], &["region"]),
    ("credentials", &["password"], &["username"]),
    ("api-key", &["key"], &["host"]),
    ("ssh", &["private_key"], &["username"]),
    ("database", &["url"], &[]),
    ("env", &["FIRST", "SECOND"], &[]),
    ("note", &["text"], &[]),
];

impl Planter<'_> {
    /// Secrets of all types in a project, or in the vault. Each is changed once, so each has a history.
    pub fn secrets(&self, project: Option<&str>) {
        let place: Vec<&str> = project.map_or_else(Vec::new, |name| vec!["--in", name]);
        let wherever = if project.is_some() { "project" } else { "vault" };
        for (kind, hidden, plain) in TYPES {
            let make = |label: &str| {
                self.canaries
                    .make(Class::Sealed, &format!("secret {kind} in the {wherever}: {label}"))
            };
            let (name, note) = (make("name"), make("note"));
            let mut fields: Vec<String> = hidden.iter().map(|field| self.field(field, &make(field))).collect();
            fields.extend(plain.iter().map(|field| format!("{field}={}", make(field))));
            fields.push(self.field(&make("name of a field"), "x"));
            let mut args = vec!["secret", "add", "--type", kind, "--name", &name, "--note", &note];
            args.extend(fields.iter().flat_map(|field| ["--field", field]));
            self.done(&[&args[..], &place].concat());
            let changed = self.field(hidden[0], &make("changed value"));
            self.done(&[&["secret", "edit", &name, "--field", &changed][..], &place].concat());
            // Reading is part of what a server may see.
            self.done(&[&["secret", "show", &name, "--reveal"][..], &place].concat());
            if kind == "note" {
                self.done(&[&["secret", "remove", &name][..], &place].concat());
            }
        }
    }

    /// A secret that starts in the vault and ends in a project.
    pub fn moved_secret(&self, project: &str) {
        let make = |label: &str| self.canaries.make(Class::Sealed, &format!("moved secret: {label}"));
        let (name, value) = (make("name"), self.field("key", &make("value")));
        self.done(&["secret", "add", "--type", "api-key", "--name", &name, "--field", &value]);
        self.done(&["secret", "move", &name, "--in", project]);
    }

    /// An invitation: the server must learn neither whom it is for nor what it says.
    pub fn invitation(&self, project: &str) {
        let address = format!(
            "{}@example.org",
            self.canaries.make_plain(Class::Sealed, "invitation: address")
        );
        let invitation = self.done(&["project", "invite", project, &address, "--role", "reader"]);
        let text = invitation["invitation"].as_str().expect("an invitation");
        self.canaries.adopt(Class::Unsent, "invitation: text", text.as_bytes());
    }

    /// A field whose value comes from a file.
    pub(super) fn field(&self, name: &str, value: &str) -> String {
        let digest = holdfast_crypto::sha256(&[value.as_bytes()]);
        format!(
            "{name}=@{}",
            self.person.file(&format!("field {}", hex::encode(&digest[..8])), value)
        )
    }
}
