//! 1Password: 1PUX and CSV.

use holdfast_import::Source;
use holdfast_protocol::item::SecretType;
use serde_json::{Value, json};

use crate::support::{entry, fields, import, left_out, refused, zip};

fn export() -> Value {
    json!({ "accounts": [{ "attrs": { "accountName": "Ana" }, "vaults": [{
        "attrs": { "uuid": "v", "name": "Personal", "type": "P" },
        "items": [
            { "uuid": "1", "favIndex": 1, "state": "active", "categoryUuid": "001",
              "details": {
                "loginFields": [
                    { "value": "p#\"'\\\n🔑", "id": "", "name": "password", "fieldType": "P", "designation": "password" },
                    { "value": "ana", "id": "", "name": "login", "fieldType": "T", "designation": "username" },
                    { "value": "42", "name": "customer", "fieldType": "T" },
                    { "value": "✓", "name": "remember", "fieldType": "C" }
                ],
                "notesPlain": "two\nlines",
                "sections": [{ "title": "More", "name": "s", "fields": [
                    { "title": "PIN", "id": "a", "value": { "concealed": "12345" } },
                    { "title": "one-time password", "id": "TOTP_1", "value": { "totp": "otpauth://x" } },
                    { "title": "since", "id": "b", "value": { "date": 1_000_000_000 } },
                    { "title": "until", "id": "c", "value": { "monthYear": 202_612 } },
                    { "title": "mail", "id": "d", "value": { "email": { "email_address": "a@b.c", "provider": null } } },
                    { "title": "home", "id": "e", "value": { "address": { "street": "S 1", "city": "", "zip": 7 } } },
                    { "title": "empty", "id": "f", "value": { "string": "" } },
                    { "title": "scan", "id": "g", "value": { "file": { "fileName": "x.pdf", "documentId": "z" } } },
                    { "title": "nothing", "id": "h", "value": null }
                ] }],
                "passwordHistory": [{ "value": "older", "time": 1 }] },
              "overview": { "subtitle": "", "title": "GitHub", "url": "https://github.com/login",
                "urls": [{ "label": "", "url": "https://github.com/login" }, { "url": "https://gist.github.com" }],
                "tags": ["dev"], "ps": 100 } },
            { "state": "archived", "categoryUuid": "003", "details": { "loginFields": [], "notesPlain": "the text", "sections": [] },
              "overview": { "title": "A note", "url": "" } },
            { "categoryUuid": "114", "details": { "sections": [{ "fields": [{ "title": "private key", "id": "private_key", "value":
                { "sshKey": { "privateKey": "-----BEGIN", "metadata": { "publicKey": "ssh-rsa A", "fingerprint": "F", "keyType": { "t": "rsa" } } } } }] }] },
              "overview": { "title": "Key" } },
            { "categoryUuid": "112", "details": { "sections": [{ "fields": [
                { "title": "credential", "id": "credential", "value": { "concealed": "sk-1" } },
                { "title": "hostname", "id": "hostname", "value": { "string": "api.example.org" } }] }] },
              "overview": { "title": "API" } },
            { "categoryUuid": "006", "details": { "documentAttributes": { "fileName": "a" } }, "overview": { "title": "Doc" } },
            { "state": "deleted", "categoryUuid": "005", "details": { "password": "x" }, "overview": { "title": "Gone" } },
            { "categoryUuid": "005", "details": { "password": "only this" }, "overview": { "title": "Password" } }
        ] }] }] })
}

#[test]
fn everything_that_can_be_taken_is_taken() {
    let text = export().to_string();
    let import = import(
        Source::OnePassword,
        zip(&[
            ("export.attributes", b"{}"),
            ("export.data", text.as_bytes()),
            ("files/x.pdf", b"x"),
        ]),
    );
    let login = entry(&import, "GitHub");
    assert_eq!(
        fields(login),
        [
            ("password", "p#\"'\\\n🔑"),
            ("username", "ana"),
            ("customer", "42"),
            ("url", "https://github.com/login"),
            ("url 2", "https://gist.github.com"),
            ("PIN", "12345"),
            ("totp", "otpauth://x"),
            ("since", "2001-09-09"),
            ("until", "2026-12"),
            ("mail", "a@b.c"),
            ("home street", "S 1"),
            ("home zip", "7"),
            ("notes", "two\nlines"),
        ]
    );
    assert_eq!(
        (login.secret_type, login.audience.host.as_str()),
        (SecretType::Credentials, "github.com")
    );
    assert_eq!(login.tags, ["Personal", "dev"]);
    assert_eq!(fields(entry(&import, "A note")), [("text", "the text")]);
    let key = entry(&import, "Key");
    assert_eq!(key.secret_type, SecretType::Ssh);
    assert_eq!(
        fields(key),
        [
            ("private_key", "-----BEGIN"),
            ("public_key", "ssh-rsa A"),
            ("fingerprint", "F")
        ]
    );
    assert_eq!(
        fields(entry(&import, "API")),
        [("key", "sk-1"), ("host", "api.example.org")]
    );
    assert_eq!(fields(entry(&import, "Password")), [("password", "only this")]);
    assert_eq!(
        left_out(&import),
        [
            ("GitHub: scan", "a field of the kind file is not imported"),
            ("Doc", "the document itself is not imported"),
            ("Doc", "there is nothing in it"),
            ("Gone", "it is in the trash of 1Password"),
        ]
    );
}

#[test]
fn tables_of_several_versions_are_read() {
    let now = import(
        Source::OnePassword,
        "\u{feff}Title,Url,Username,Password,OTPAuth,Favorite,Archived,Tags,Notes\n\
         GitHub,https://github.com,ana,\"p,\"\"#🔑\",otpauth://x,false,false,dev;work,\"a\nb\"\n\
         Only notes,,,,,,,,text # here\n\
         ,,,,,,,,\n",
    );
    assert_eq!(
        fields(entry(&now, "GitHub")),
        [
            ("username", "ana"),
            ("password", "p,\"#🔑"),
            ("url", "https://github.com"),
            ("totp", "otpauth://x"),
            ("notes", "a\nb")
        ]
    );
    assert_eq!(entry(&now, "GitHub").tags, ["dev", "work"]);
    let note = entry(&now, "Only notes");
    assert_eq!(
        (note.secret_type, fields(note)),
        (SecretType::Note, vec![("text", "text # here")])
    );
    assert_eq!(now.entries.len(), 2);
    let before = import(
        Source::OnePassword,
        "title,website,username,password,PIN\nBank,bank.example,u,p,12\n",
    );
    assert_eq!(
        fields(entry(&before, "Bank")),
        [
            ("username", "u"),
            ("password", "p"),
            ("url", "bank.example"),
            ("PIN", "12")
        ]
    );
}

#[test]
fn other_files_are_told_from_it() {
    let empty = zip(&[("x", b"y")]);
    for bytes in [&b""[..], b"{}", b"a,b\n1,2", b"PK\x03\x04nonsense", &empty] {
        refused(Source::OnePassword, bytes);
    }
}
