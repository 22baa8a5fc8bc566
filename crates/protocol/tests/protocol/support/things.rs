//! Items for the logs.

use holdfast_crypto::Key32;
use holdfast_protocol::entry::{Body, PackSize};
use holdfast_protocol::id::{Hash, ItemId, PackId, PrincipalId, VersionId};
use holdfast_protocol::item::{Audience, Content, Field, Item, ItemKind, ManifestRef, SecretType, Version};
use holdfast_protocol::limits::WINDOW;
use holdfast_protocol::{KeyField, SecretText};
use zeroize::Zeroizing;

pub(crate) fn key(byte: u8) -> KeyField {
    KeyField::new(Key32::fill_with(|bytes| bytes.fill(byte)))
}

pub(crate) fn text(text: &str) -> SecretText {
    SecretText::new(Zeroizing::new(text.to_owned()))
}

pub(crate) fn pack(byte: u8) -> PackSize {
    PackSize {
        id: PackId([byte; 16]),
        bytes: WINDOW,
    }
}

pub(crate) fn item(id: u8, kind: ItemKind, name: &str, versions: Vec<Version>) -> Item {
    Item {
        id: ItemId([id; 16]),
        kind,
        name: name.to_owned(),
        description: String::new(),
        tags: Vec::new(),
        created_ms: 1_700_000_000_000,
        trashed_ms: None,
        chunk_id_key: kind.holds_files().then(|| key(id)),
        versions,
        secret_type: (kind == ItemKind::Secret).then_some(SecretType::Git),
        expires_ms: None,
    }
}

pub(crate) fn version(id: u8, author: PrincipalId, content: Content) -> Version {
    Version {
        id: VersionId([id; 16]),
        author,
        created_ms: 1_700_000_000_001,
        note: "as it came".to_owned(),
        content,
    }
}

pub(crate) fn files(pack: u8) -> Content {
    let manifest = ManifestRef {
        pack: PackId([pack; 16]),
        offset: 0,
        length: 4_096,
        hash: Hash([pack; 32]),
        key: key(pack),
    };
    Content::Files {
        manifest,
        files: 3,
        bytes: 12_345,
        packs: vec![PackId([pack; 16])],
    }
}

pub(crate) fn token(value: &str) -> Content {
    let audience = Audience {
        host: "git.example.org".to_owned(),
        account: "team".to_owned(),
        purpose: String::new(),
    };
    Content::Fields {
        fields: vec![Field {
            name: "token".to_owned(),
            value: text(value),
        }],
        audience,
    }
}

pub(crate) fn note(id: u8, author: PrincipalId) -> Item {
    item(
        id,
        ItemKind::Note,
        "Read me",
        vec![version(
            id,
            author,
            Content::Text {
                text: text("Begin here."),
            },
        )],
    )
}

pub(crate) fn secret(id: u8, author: PrincipalId) -> Item {
    item(
        id,
        ItemKind::Secret,
        "Git token",
        vec![version(id, author, token("hunter2"))],
    )
}

pub(crate) fn dataset(id: u8, author: PrincipalId, pack: u8) -> Item {
    item(id, ItemKind::Dataset, "Scans", vec![version(id, author, files(pack))])
}

pub(crate) fn put(item: Item) -> Body {
    Body {
        put: vec![item],
        ..Body::default()
    }
}

pub(crate) fn purge(id: u8) -> Body {
    Body {
        purged: vec![ItemId([id; 16])],
        ..Body::default()
    }
}

pub(crate) fn rename(name: &str) -> Body {
    Body {
        name: Some(name.to_owned()),
        ..Body::default()
    }
}

/// The whole space to the trash, or back with 0.
pub(crate) fn trash_space(time: u64) -> Body {
    Body {
        trashed_ms: Some(time),
        ..Body::default()
    }
}
