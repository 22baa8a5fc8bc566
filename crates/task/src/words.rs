//! Names, paths, hosts and images: which are accepted. Each rule says what is wrong as the rest of a sentence.

use std::fmt;

/// A name that becomes a folder and the end of an option: `raw`, `base-model`.
pub(crate) fn name(text: &str) -> Result<String, &'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        Err("does not begin with a letter")
    } else if text.len() > 40 {
        Err("is longer than 40 characters")
    } else if !text.chars().all(plain) {
        Err("has other characters than letters, digits, - and _")
    } else {
        Ok(text.to_owned())
    }
}

/// A relative path that means the same on every system, with `/` between its names.
pub(crate) fn path(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 400 {
        return Err("is empty or longer than 400 bytes");
    }
    if text.chars().any(|c| c.is_control() || c == '\\' || c == ':') {
        return Err("has characters that a path here does not have");
    }
    if text
        .split('/')
        .any(|name| name.is_empty() || name == "." || name == "..")
    {
        return Err("does not stay inside its folder");
    }
    Ok(())
}

/// A variable a task may ask for by name. Not those that decide what runs and how: the node sets them.
pub(crate) fn variable(text: &str) -> Result<(), &'static str> {
    const TAKEN: [&str; 14] = [
        "PATH",
        "HOME",
        "LANG",
        "TMPDIR",
        "PWD",
        "SHELL",
        "USER",
        "LOGNAME",
        "ENV",
        "BASH_ENV",
        "IFS",
        "PS4",
        "R_PROFILE",
        "R_ENVIRON",
    ];
    const STARTS: [&str; 6] = ["LD_", "PYTHON", "HOLDFAST_", "LC_", "GLIBC_", "BASH_FUNC"];
    let upper = text.to_ascii_uppercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) || !text.chars().all(plain) || text.len() > 64 {
        return Err("is no name of a variable");
    }
    if TAKEN.contains(&&*upper) || STARTS.iter().any(|start| upper.starts_with(start)) || upper.ends_with("_PROXY") {
        return Err("names a variable that the node sets itself, or that decides what runs");
    }
    Ok(())
}

/// A host and a port that a task may connect to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host {
    /// A DNS name in lower case, or an address without brackets.
    pub name: String,
    /// The TCP port.
    pub port: u16,
}

impl Host {
    /// Reads `pypi.org:443` or `[2001:db8::1]:443`. Names are compared without case and without a dot at the end.
    ///
    /// # Errors
    /// What is wrong, as the rest of a sentence.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (name, port) = text.rsplit_once(':').ok_or("has no port")?;
        let port: u16 = port.parse().map_err(|_| "has a port that is none")?;
        if port == 0 {
            return Err("has a port that is none");
        }
        let bracketed = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        if let Some(address) = bracketed {
            let address: core::net::Ipv6Addr = address.parse().map_err(|_| "is no address")?;
            return Ok(Self {
                name: address.to_string(),
                port,
            });
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        if name.contains('*') {
            return Err("has a *: every host is named by itself");
        }
        if name.len() > 253 || !name.split('.').all(label) {
            return Err("is no name of a host");
        }
        Ok(Self { name, port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// A container image by the digest of its manifest: the same bytes wherever it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image(String);

impl Image {
    /// Reads `registry/name@sha256:64 hexadecimal digits`.
    ///
    /// # Errors
    /// What is wrong, as the rest of a sentence.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (name, digest) = text.split_once("@sha256:").ok_or("is not named by its digest")?;
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if digest.len() != 64 || !digest.chars().all(hex) {
            return Err("has a digest that is not 64 hexadecimal digits in lower case");
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/:".contains(c);
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || name.len() > 200 || !name.chars().all(plain) {
            return Err("has a name that no image has");
        }
        Ok(Self(text.to_owned()))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
