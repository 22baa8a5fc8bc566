//! Bitwarden: JSON with everything in it, the zip, CSV, and the encrypted forms.

use holdfast_import::{Error, Source};
use holdfast_protocol::item::SecretType;
use serde_json::{Value, json};

use crate::support::{entry, fields, import, left_out, refused, zip};

fn export() -> Value {
    json!({
        "encrypted": false,
        "folders": [{ "id": "f1", "name": "Work/Servers" }],
        "items": [
            {
                "id": "1", "organizationId": null, "folderId": "f1", "type": 1, "reprompt": 0, "favorite": true,
                "name": "GitHub", "notes": "codes: 1 2 3\n\"quoted\" # 🔑",
                "fields": [
                    { "name": "PIN", "value": "0123", "type": 1, "linkedId": null },
                    { "name": "PIN", "value": "", "type": 0 },
                    { "name": null, "value": null, "type": 0 },
                    { "name": "agreed", "value": "true", "type": 2 },
                    { "name": "linked", "value": null, "type": 3, "linkedId": 100 }
                ],
                "login": {
                    "uris": [
                        { "match": null, "uri": "https://github.com/login" },
                        { "match": 1, "uri": "androidapp://com.github" },
                        { "uri": null }
                    ],
                    "username": "ana@example.org", "password": "p#\"'\\\n🔑", "totp": "otpauth://totp/x?secret=ABC",
                    "fido2Credentials": [{ "credentialId": "x", "keyValue": "secret" }]
                },
                "collectionIds": null,
                "passwordHistory": [{ "lastUsedDate": "2020-01-01T00:00:00Z", "password": "older" }]
            },
            { "type": 1, "name": "No login", "notes": null, "login": { "uris": null, "username": null, "password": "" } },
            { "type": 2, "name": "Wifi", "notes": "x".repeat(10_240), "secureNote": { "type": 0 } },
            { "type": 3, "name": "Visa", "card": { "cardholderName": "Ana", "number": "4111", "code": 123, "brand": null } },
            { "type": 4, "name": "Me", "identity": { "firstName": "Ana", "email": "" } },
            { "type": 5, "name": "Deploy", "sshKey": { "privateKey": "-----BEGIN", "publicKey": "ssh-ed25519 A", "keyFingerprint": "SHA256:x" } },
            { "type": 1, "name": "Gone", "deletedDate": "2024-01-01T00:00:00Z", "login": { "password": "x" } },
            { "type": 9, "name": "From the future" }
        ]
    })
}

#[test]
fn everything_that_can_be_taken_is_taken() {
    let import = import(Source::Bitwarden, export().to_string());
    let login = entry(&import, "GitHub");
    assert_eq!(login.secret_type, SecretType::Credentials);
    assert_eq!(
        fields(login),
        [
            ("username", "ana@example.org"),
            ("password", "p#\"'\\\n🔑"),
            ("url", "https://github.com/login"),
            ("url 2", "androidapp://com.github"),
            ("totp", "otpauth://totp/x?secret=ABC"),
            ("PIN", "0123"),
            ("PIN 2", ""),
            ("field", ""),
            ("agreed", "true"),
            ("notes", "codes: 1 2 3\n\"quoted\" # 🔑"),
        ]
    );
    assert_eq!(
        (login.audience.host.as_str(), login.audience.account.as_str()),
        ("github.com", "ana@example.org")
    );
    assert_eq!(
        (login.tags.as_slice(), login.note.as_str()),
        (&["Work/Servers".to_owned()][..], "")
    );
    let note = entry(&import, "Wifi");
    assert_eq!(
        (note.secret_type, fields(note)[0].0, fields(note)[0].1.len()),
        (SecretType::Note, "text", 10_240)
    );
    assert_eq!(
        fields(entry(&import, "Visa")),
        [("cardholderName", "Ana"), ("code", "123"), ("number", "4111")]
    );
    assert_eq!(fields(entry(&import, "Me")), [("firstName", "Ana")]);
    let key = entry(&import, "Deploy");
    assert_eq!(
        (key.secret_type, fields(key)[0]),
        (SecretType::Ssh, ("private_key", "-----BEGIN"))
    );
    assert_eq!(import.entries.len(), 5);
    assert_eq!(
        left_out(&import),
        [
            ("GitHub", "its passkey can't be imported: make a new one at the site"),
            ("No login", "there is nothing in it"),
            ("Gone", "it is in the trash of Bitwarden"),
            ("From the future", "items of type 9 are not known here"),
        ]
    );
}

#[test]
fn the_zip_with_attachments_is_read_without_them() {
    let text = export().to_string();
    let import = import(
        Source::Bitwarden,
        zip(&[("data.json", text.as_bytes()), ("attachments/1/x.pdf", b"x")]),
    );
    assert_eq!(import.entries.len(), 5);
    assert!(left_out(&import).contains(&("Attachments", "files inside the export are not imported")));
    let other = refused(Source::Bitwarden, zip(&[("x", b"y")]));
    assert!(other.to_string().contains("no data.json"), "{other}");
}

#[test]
fn encrypted_exports_are_refused_with_a_way_out() {
    for text in [
        r#"{"encrypted":true,"passwordProtected":true,"salt":"x","kdfType":0,"data":"2.abc"}"#,
        r#"{"encrypted":true,"encKeyValidation_DO_NOT_EDIT":"2.x","folders":[],"items":[]}"#,
    ] {
        let error = refused(Source::Bitwarden, text);
        assert!(
            matches!(error, Error::Encrypted(_)) && error.to_string().contains("Export once more"),
            "{error}"
        );
    }
}

#[test]
fn the_table_has_the_same_logins() {
    let text = "folder,favorite,type,name,notes,fields,reprompt,login_uri,login_username,login_password,login_totp\r\n\
        Work,1,login,GitHub,\"line 1\nline 2, \"\"q\"\"\",\"PIN: 01: 23\ncode: a\nb\",0,\"https://github.com/login,https://gist.github.com\",ana,\"p#,\"\"🔑\",ABC\r\n\
        ,,note,Wifi,the # text,,,,,,\r\n\
        ,,login,Short,,,,,x\r\n\
        ,,card,Visa,,,,,,,\r\n";
    let import = import(Source::Bitwarden, text);
    assert_eq!(
        fields(entry(&import, "GitHub")),
        [
            ("username", "ana"),
            ("password", "p#,\"🔑"),
            ("url", "https://github.com/login"),
            ("url 2", "https://gist.github.com"),
            ("totp", "ABC"),
            ("PIN", "01: 23"),
            ("code", "a\nb"),
            ("notes", "line 1\nline 2, \"q\""),
        ]
    );
    assert_eq!(fields(entry(&import, "Wifi")), [("text", "the # text")]);
    assert_eq!(fields(entry(&import, "Short")), [("username", "x")]);
    assert_eq!(left_out(&import).len(), 1);
    assert_eq!(entry(&import, "GitHub").tags, ["Work"]);
}

#[test]
fn other_files_are_told_from_it() {
    for text in [
        "",
        "   ",
        "{}",
        "[]",
        "{\"items\":3}",
        "a,b\n1,2",
        "type,name,login_password\n1,2,3,4\n",
        "{\"items\":[{\"name\":\"hunter2\"}]}",
    ] {
        let error = refused(Source::Bitwarden, text).to_string();
        assert!(!error.contains("hunter2"), "{text:?}: {error}");
    }
}
