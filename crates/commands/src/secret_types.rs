//! The types of secrets and their fields: what they are called, which are hidden, and an example. The one table for every shell.
//!
//! A field that is not in it is hidden: better a dot too many than a password on a screen.

use holdfast_protocol::item::SecretType;

/// A type of secret.
pub struct TypeInfo {
    /// The type.
    pub secret_type: SecretType,
    /// Its name, as on the command line.
    pub name: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// Its usual fields, in order. Any others may be added.
    pub fields: &'static [FieldInfo],
}

/// A field of a type.
pub struct FieldInfo {
    /// Its name.
    pub name: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// Shown only when asked for.
    pub hidden: bool,
    /// May have several lines.
    pub multiline: bool,
    /// A person makes it up: a generator and a remark on weak ones make sense.
    pub password: bool,
    /// Belongs to every secret of the type; the others are offered.
    pub main: bool,
    /// An example, never a real value.
    pub example: &'static str,
}

const fn plain(name: &'static str, label: &'static str, example: &'static str) -> FieldInfo {
    FieldInfo {
        name,
        label,
        hidden: false,
        multiline: false,
        password: false,
        main: true,
        example,
    }
}

const fn hidden(name: &'static str, label: &'static str, example: &'static str) -> FieldInfo {
    FieldInfo {
        hidden: true,
        ..plain(name, label, example)
    }
}

const fn password(name: &'static str, label: &'static str) -> FieldInfo {
    FieldInfo {
        password: true,
        ..hidden(name, label, "correct horse battery staple")
    }
}

const fn long(field: FieldInfo) -> FieldInfo {
    FieldInfo {
        multiline: true,
        ..field
    }
}

const fn offered(field: FieldInfo) -> FieldInfo {
    FieldInfo { main: false, ..field }
}

const PRIVATE_KEY: FieldInfo = long(hidden(
    "private_key",
    "Private key",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
));
const NOTES: FieldInfo = offered(long(hidden(
    "notes",
    "Notes",
    "Recovery codes, the answer to the question",
)));
const HOST: FieldInfo = plain("host", "Host", "github.com");
const USERNAME: FieldInfo = plain("username", "User name", "ana");

/// All types, in the order in which they are offered.
pub const SECRET_TYPES: [TypeInfo; 9] = [
    TypeInfo {
        secret_type: SecretType::Git,
        name: "git",
        label: "Git token",
        fields: &[
            HOST,
            USERNAME,
            hidden("token", "Token", "ghp_16C7e42F292c6912E7"),
            NOTES,
        ],
    },
    TypeInfo {
        secret_type: SecretType::Aws,
        name: "aws",
        label: "AWS access key",
        fields: &[
            hidden("access_key_id", "Access key ID", "AKIAIOSFODNN7EXAMPLE"),
            hidden(
                "secret_access_key",
                "Secret access key",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            ),
            plain("region", "Region", "eu-central-1"),
            offered(hidden("session_token", "Session token", "FwoGZXIvYXdzEBYaD")),
            NOTES,
        ],
    },
    TypeInfo {
        secret_type: SecretType::Credentials,
        name: "credentials",
        label: "Name and password",
        fields: &[
            USERNAME,
            password("password", "Password"),
            offered(plain("url", "Website", "https://example.org/login")),
            offered(hidden(
                "totp",
                "One-time code",
                "otpauth://totp/Example:ana?secret=JBSWY3DPEHPK3PXP",
            )),
            NOTES,
        ],
    },
    TypeInfo {
        secret_type: SecretType::ApiKey,
        name: "api-key",
        label: "API key",
        fields: &[
            hidden("key", "Key", "sk-4f0c2d9e"),
            offered(plain("host", "Host", "api.example.org")),
            NOTES,
        ],
    },
    TypeInfo {
        secret_type: SecretType::Ssh,
        name: "ssh",
        label: "SSH key",
        fields: &[
            PRIVATE_KEY,
            offered(password("passphrase", "Passphrase of the key")),
            offered(long(plain(
                "public_key",
                "Public key",
                "ssh-ed25519 AAAAC3Nz ana@laptop",
            ))),
            offered(plain("fingerprint", "Key digest", "SHA256:uNiVztksCsDhcc0u9e8BrWeR")),
            offered(USERNAME),
            offered(plain("host", "Host", "build.example.org")),
            NOTES,
        ],
    },
    TypeInfo {
        secret_type: SecretType::Database,
        name: "database",
        label: "Database",
        fields: &[
            hidden(
                "url",
                "Address with password",
                "postgres://ana:password@db.example.org/shop",
            ),
            offered(plain("host", "Host", "db.example.org")),
            offered(USERNAME),
            offered(password("password", "Password")),
            NOTES,
        ],
    },
    TypeInfo {
        secret_type: SecretType::Certificate,
        name: "certificate",
        label: "Certificate",
        fields: &[
            long(plain("certificate", "Certificate", "-----BEGIN CERTIFICATE-----")),
            long(hidden("private_key", "Private key", "-----BEGIN PRIVATE KEY-----")),
            offered(password("passphrase", "Passphrase of the key")),
            NOTES,
        ],
    },
    TypeInfo {
        secret_type: SecretType::Env,
        name: "env",
        label: "Environment variables",
        fields: &[],
    },
    TypeInfo {
        secret_type: SecretType::Note,
        name: "note",
        label: "Secret note",
        fields: &[long(hidden("text", "Text", "The code of the safe is on the back of …"))],
    },
];

/// The type's row of the table.
#[must_use]
pub fn type_info(secret_type: SecretType) -> &'static TypeInfo {
    SECRET_TYPES
        .iter()
        .find(|info| info.secret_type == secret_type)
        .expect("a test holds that every type is in the table")
}

/// The field's row; `url 2` is another `url`.
#[must_use]
pub fn field_info(secret_type: SecretType, name: &str) -> Option<&'static FieldInfo> {
    let numbered = name
        .rsplit_once(' ')
        .filter(|(_, number)| number.bytes().all(|digit| digit.is_ascii_digit()));
    let name = numbered.map_or(name, |(name, _)| name);
    type_info(secret_type).fields.iter().find(|field| field.name == name)
}

/// Whether anybody may see a field's value, whatever the type: only then may it stand on a command line.
#[must_use]
pub fn is_plain_everywhere(name: &str) -> bool {
    let mut rows = SECRET_TYPES
        .iter()
        .flat_map(|info| info.fields)
        .filter(|field| field.name == name)
        .peekable();
    // Where a secret may be handed over is said in these two, in secrets of any type.
    matches!(name, "account" | "purpose") || (rows.peek().is_some() && rows.all(|field| !field.hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_in_the_table_under_its_own_name() {
        // A new type does not compile here until it is thought of.
        let all = |kind| match kind {
            SecretType::Git
            | SecretType::Aws
            | SecretType::Credentials
            | SecretType::ApiKey
            | SecretType::Ssh
            | SecretType::Database
            | SecretType::Certificate
            | SecretType::Env
            | SecretType::Note => type_info(kind).name,
        };
        for info in &SECRET_TYPES {
            assert_eq!(serde_json::to_value(info.secret_type).unwrap(), all(info.secret_type));
            let mut names: Vec<_> = info.fields.iter().map(|field| field.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), info.fields.len());
            assert!(
                info.fields
                    .iter()
                    .all(|field| !field.example.is_empty() && !field.label.is_empty())
            );
        }
    }

    #[test]
    fn what_sounds_secret_is_hidden() {
        for field in SECRET_TYPES.iter().flat_map(|info| info.fields) {
            let sounds = [
                "password",
                "token",
                "secret",
                "private",
                "key_id",
                "passphrase",
                "totp",
                "notes",
                "text",
            ];
            if sounds.iter().any(|word| field.name.contains(word)) {
                assert!(field.hidden, "{}", field.name);
            }
            assert!(field.hidden || !field.password);
        }
        assert!(field_info(SecretType::Credentials, "url 2").is_some_and(|field| !field.hidden));
        assert!(field_info(SecretType::Database, "url").is_some_and(|field| field.hidden));
        assert!(field_info(SecretType::Env, "HOST").is_none());
    }

    #[test]
    fn only_what_is_plain_in_every_type_may_stand_on_a_command_line() {
        for name in ["host", "username", "region", "account", "purpose"] {
            assert!(is_plain_everywhere(name), "{name}");
        }
        for name in ["url", "password", "token", "key", "access_key_id", "HOST", "x", ""] {
            assert!(!is_plain_everywhere(name), "{name}");
        }
    }
}
