//! The host in an address, as strictly as a secret needs it: what can't be read for certain is no host.

/// The host of an address that a browser or a tool opens, in lower case and without its port; `None` for everything else,
/// app addresses (`androidapp://…`) too.
#[must_use]
pub fn host_of(url: &str) -> Option<String> {
    let url = url.trim();
    let rest = match url.split_once("://") {
        Some((scheme, rest)) => {
            let known = ["http", "https", "ftp", "ftps", "sftp", "ssh", "git", "ws", "wss"];
            known
                .iter()
                .any(|known| scheme.eq_ignore_ascii_case(known))
                .then_some(rest)?
        }
        None => url,
    };
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?.0,
        None => host.split(':').next()?,
    };
    let sound = host.contains(['.', ':']) || host.eq_ignore_ascii_case("localhost") || url.contains("://");
    let allowed = |character: char| character.is_alphanumeric() || matches!(character, '.' | '-' | '_' | ':');
    let whole = !host.is_empty() && host.len() <= 253 && host.chars().all(allowed);
    (sound && whole).then(|| host.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_and_doubts_are_not() {
        for (url, host) in [
            ("https://GitHub.com/login?x=https://evil.example", Some("github.com")),
            ("http://ana:pw@db.example.org:8080/x", Some("db.example.org")),
            ("github.com", Some("github.com")),
            ("github.com/acme", Some("github.com")),
            ("https://evil.example\\@github.com/", Some("evil.example")),
            ("https://github.com@evil.example", Some("evil.example")),
            ("https://[2001:db8::1]:443/", Some("2001:db8::1")),
            ("https://intranet/", Some("intranet")),
            ("localhost:8080", Some("localhost")),
            ("https://bücher.example", Some("bücher.example")),
            ("androidapp://com.example", None),
            ("javascript:alert(1)", None),
            ("my bank", None),
            ("bank", None),
            ("https://", None),
            ("https://a b.example", None),
            ("", None),
        ] {
            assert_eq!(host_of(url).as_deref(), host, "{url}");
        }
    }
}
