//! Files that people write and programs export, and words that they hand to each other.

use std::io::{Cursor, Write as _};

use holdfast_crypto::{security_words, word_list};
use holdfast_fuzz::imports::version_3;
use holdfast_fuzz::input::part;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::Seeds;

const XML: &[u8] = include_bytes!("../../crates/import/tests/fixtures/keepass.xml");
const VERSION_3: &[u8] = include_bytes!("../../crates/import/tests/fixtures/version3.kdbx");
const INVITE: &str = include_str!("../../crates/engine/src/invite.rs");
const TASK: &str = include_str!("../../docs/spec/task.md");
const WORKFLOW: &str = include_str!("../../docs/spec/workflow.md");
const TASKS: &str = include_str!("../../crates/task/tests/manifest.rs");
const WORKFLOWS: &str = include_str!("../../crates/task/tests/workflow.rs");

const BITWARDEN: &str = r#"{"encrypted": false, "folders": [{"id": "f1", "name": "Work"}], "items": [
  {"id": "1", "folderId": "f1", "type": 1, "name": "GitHub", "notes": "x", "fields": [{"name": "PIN", "value": "0123", "type": 1}],
   "login": {"uris": [{"uri": "https://github.com/login"}], "username": "ana", "password": "p", "totp": "otpauth://totp/x?secret=A"},
   "passwordHistory": [{"lastUsedDate": "2020-01-01T00:00:00Z", "password": "older"}]},
  {"type": 2, "name": "Wifi", "notes": "n", "secureNote": {"type": 0}},
  {"type": 3, "name": "Visa", "card": {"cardholderName": "Ana", "number": "4111", "code": 123}},
  {"type": 4, "name": "Me", "identity": {"firstName": "Ana"}},
  {"type": 5, "name": "Deploy", "sshKey": {"privateKey": "-----BEGIN", "publicKey": "ssh-ed25519 A"}},
  {"type": 1, "name": "Gone", "deletedDate": "2024-01-01T00:00:00Z", "login": {"password": "x"}}]}"#;
const ONEPASSWORD: &str = r#"{"accounts": [{"attrs": {"name": "Ana"}, "vaults": [{"attrs": {"name": "Private"}, "items": [
  {"uuid": "u", "categoryUuid": "001", "state": "active", "overview": {"title": "GitHub", "url": "https://github.com", "tags": ["dev"]},
   "details": {"loginFields": [{"value": "ana", "designation": "username", "fieldType": "T"}, {"value": "p", "designation": "password"}],
    "notesPlain": "two\nlines", "sections": [{"title": "S", "fields": [
     {"title": "PIN", "value": {"concealed": "1"}}, {"title": "since", "value": {"date": 1000000000}}, {"title": "until", "value": {"monthYear": 202612}},
     {"title": "totp", "value": {"totp": "otpauth://x"}}, {"title": "home", "value": {"address": {"street": "S 1", "zip": "7"}}}]}]}}]}]}]}"#;
const HOLDFAST: &str = r#"{"format": "holdfast-secrets", "version": 1, "exported_ms": 1, "secrets": [
  {"name": "GitHub", "type": "git", "note": "", "labels": ["ci"], "fields": [{"name": "token", "value": "x"}, {"name": "n", "value": 5}],
   "host": "github.com", "account": "", "purpose": "", "expires_ms": 5}]}"#;

/// Text between three backticks of one kind, or between `r#"` and `"#`.
fn blocks<'t>(page: &'t str, begin: &str, end: &str) -> Vec<&'t str> {
    let parts = page.split(begin).skip(1);
    parts.filter_map(|part| Some(part.split_once(end)?.0)).collect()
}

fn zip(name: &str, content: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default()).expect("a file");
    zip.write_all(content.as_bytes()).expect("it is written");
    zip.finish().expect("it ends").into_inner()
}

pub(crate) fn write(seeds: &mut Seeds) {
    imports(seeds);
    for toml in blocks(TASK, "```toml\n", "```")
        .into_iter()
        .chain(blocks(TASKS, "r#\"", "\"#"))
    {
        for given in [
            "",
            "=5e-4\n=2\n=x",
            "rate=0.5\nepochs=7\nnote=n\nshuffle=yes\nsize=large",
        ] {
            seeds.add("task", [part(given.as_bytes()), toml.as_bytes().to_vec()].concat());
        }
    }
    for toml in blocks(WORKFLOW, "```toml\n", "```")
        .into_iter()
        .chain(blocks(WORKFLOWS, "r#\"", "\"#"))
    {
        seeds.add("workflow", toml);
    }
    let is_vector = |line: &&str| line.contains("const ") && line.contains("holdfast-invitation:p");
    for text in INVITE.lines().filter(is_vector) {
        let text = text.split('"').nth(1).expect("a text");
        seeds.with("invitation", 0, text);
        use base64::Engine as _;
        let cbor = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&text["holdfast-invitation:".len()..]);
        seeds.with("invitation", 1, cbor.expect("base64"));
    }
    seeds.with("typed", 0, security_words(&[7; 32]).join(" "));
    let hyphen: Vec<_> = word_list()
        .iter()
        .filter(|word| word.contains('-'))
        .chain(word_list())
        .take(6)
        .copied()
        .collect();
    seeds.with("typed", 0, hyphen.join(", ").to_uppercase());
    seeds.with("typed", 1, format!("SHA256:{}", "ab12:".repeat(16)));
    seeds.with("typed", 3, "000G-40R4-0M30-E209-185G-R38E-1ZW2-FAAY");
    seeds.with("typed", 2, "eight words \u{ff21}\u{e9}\r\n");
}

fn imports(seeds: &mut Seeds) {
    seeds.add(
        "import_dotenv",
        "# x\nexport A=1 # c\nB='a\nb'\nC=\"x\\n\\\"\"\nD=`t`\nE=\nA=2\nexport F\n\u{7}=",
    );
    seeds.add("import_dotenv", "\u{feff}A=1\r\nHASH=abc#def\r\n");
    seeds.add("import_bitwarden", BITWARDEN);
    seeds.add("import_bitwarden", zip("data.json", BITWARDEN));
    seeds.add(
        "import_bitwarden",
        "folder,favorite,type,name,notes,fields,reprompt,login_uri,login_username,login_password,login_totp\n\
         Work,1,login,GitHub,n,\"PIN: 1\",0,https://github.com,ana,p,\n,,note,Wifi,text,,0,,,,\n",
    );
    seeds.add("import_bitwarden", r#"{"encrypted": true, "passwordProtected": true}"#);
    seeds.add("import_onepassword", zip("export.data", ONEPASSWORD));
    seeds.add("import_onepassword", "Title,Url,Username,Password,OTPAuth,Notes,Tags,Favorite,Archived\nGitHub,https://github.com,ana,p,,n,a;b,false,false\n");
    seeds.add("import_holdfast", HOLDFAST);
    seeds.with("import_keepass", 0, XML);
    seeds.with("import_keepass", 1, VERSION_3);
    seeds.with("import_keepass", 2, XML);
    seeds.with("import_keepass", 1, version_3(b""));
    for fixture in ["argon2", "chacha20"] {
        let path = format!(
            "{}/../crates/import/tests/fixtures/{fixture}.kdbx",
            env!("CARGO_MANIFEST_DIR")
        );
        // The header and a little more: what comes then is behind a MAC.
        seeds.with(
            "import_keepass",
            1,
            &std::fs::read(path).expect("the fixture is there")[..600],
        );
    }
}
