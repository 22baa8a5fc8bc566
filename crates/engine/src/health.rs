//! Whether a device is as it should be: what can be said without a key, over the ports. Nothing is changed.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::api::Api;
use crate::error::{Error, Result};
use crate::session::{Host, newest};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Worth a look.
    Warn,
    /// To be put right.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable code, as in `docs/operating.md`.
    pub code: String,
    /// How bad it is.
    pub level: Level,
    /// A sentence.
    pub message: String,
    /// What to do next; empty when it is as it should be.
    pub next: String,
    /// A number that belongs to it: how many, how many bytes, how many milliseconds.
    pub count: Option<u64>,
}

impl Finding {
    /// As it should be.
    #[must_use]
    pub fn ok(code: &str, message: impl Into<String>) -> Self {
        Self::new(Level::Ok, code, message, "")
    }

    /// Worth a look.
    #[must_use]
    pub fn warn(code: &str, message: impl Into<String>, next: &str) -> Self {
        Self::new(Level::Warn, code, message, next)
    }

    /// To be put right.
    #[must_use]
    pub fn bad(code: &str, message: impl Into<String>, next: &str) -> Self {
        Self::new(Level::Bad, code, message, next)
    }

    /// What could not be looked at, and why.
    #[must_use]
    pub fn failed(code: &str, error: &Error) -> Self {
        Self::bad(code, error.to_string(), error.next())
    }

    /// With a number.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    fn new(level: Level, code: &str, message: impl Into<String>, next: &str) -> Self {
        Self {
            code: code.to_owned(),
            level,
            message: message.into(),
            next: next.to_owned(),
            count: None,
        }
    }
}

/// A clock that is this far off makes people's times confusing; [`holdfast_protocol::login::CLOCK_TOLERANCE_MS`] keeps
/// them out.
const CLOCK_WARN_MS: u64 = 60 * 1000;

/// Looks at a device's account, at what waits to be sent, and at its server.
pub async fn examine(host: &Host) -> Vec<Finding> {
    let mut findings = Vec::new();
    match account(host).await {
        Ok(None) => {
            let next = "Run `holdfast signup` or `holdfast signin`.";
            findings.push(Finding::warn("account", "There is no account in this profile.", next));
        }
        Ok(Some(account)) => {
            findings.push(Finding::ok(
                "account",
                "The account's record is whole and its keys fit together.",
            ));
            findings.extend(second_secret(host, &account).await);
        }
        Err(error) => findings.push(Finding::failed("account", &error)),
    }
    match Account::pending(host.store.as_ref()).await {
        Ok(None) => {}
        Ok(Some(_)) => findings.push(Finding::warn(
            "key-change",
            "A change of the Master Key was begun and not finished.",
            "Run `holdfast unlock` with the new Master Key; if it doesn't match, with the old one.",
        )),
        Err(error) => findings.push(Finding::failed("key-change", &error)),
    }
    match crate::files::pending_uploads(host.store.as_ref()).await {
        Ok(0) => findings.push(Finding::ok("uploads", "No upload waits to be finished.")),
        Ok(count) => findings.push(
            Finding::warn(
                "uploads",
                "Uploads were begun and not finished.",
                "Run the same `upload` commands again; they go on where they were.",
            )
            .count(count),
        ),
        Err(error) => findings.push(Finding::failed("uploads", &error)),
    }
    findings.extend(server(host).await);
    findings
}

/// The record in clear, which is compared with its sealed digest at unlock.
async fn account(host: &Host) -> Result<Option<Account>> {
    let Some(account) = Account::load(host.store.as_ref()).await? else {
        return Ok(None);
    };
    let chain = account.bundles()?;
    newest(&chain)?;
    let linked = chain.windows(2).all(|pair| {
        account
            .links
            .iter()
            .any(|link| (link.old, link.new) == (pair[0].hash, pair[1].hash))
    });
    if !linked {
        return Err(Error::damaged("this device's account record"));
    }
    if account.server != host.transport.origin() {
        return Err(Error::Invalid(
            "The account's server is written in another way than its address.".into(),
        ));
    }
    Ok(Some(account))
}

/// Without it the Master Key opens nothing here.
async fn second_secret(host: &Host, account: &Account) -> Option<Finding> {
    let kept = match account.bundles() {
        Ok(chain) => match newest(&chain) {
            Ok(newest) if newest.kdf.takes_second() => crate::second::kept(host.store.as_ref(), &newest.kdf).await,
            _ => return None,
        },
        Err(_) => return None,
    };
    Some(match kept {
        Ok(Some(_)) => Finding::ok("second-secret", "The account's second secret is here."),
        Ok(None) => Finding::failed("second-secret", &Error::SecondSecretNeeded),
        Err(error) => Finding::failed("second-secret", &error),
    })
}

async fn server(host: &Host) -> Vec<Finding> {
    let before = host.clock.now_ms();
    let info = match Api::anonymous(host.transport.clone()).info().await {
        Ok(info) => info,
        Err(error @ Error::Unreachable(_)) => {
            return vec![Finding::warn("server", error.to_string(), error.next())];
        }
        Err(error) => return vec![Finding::failed("server", &error)],
    };
    let here = env!("CARGO_PKG_VERSION");
    let mut findings = vec![if info.version == here {
        Finding::ok(
            "server",
            format!("The server answers; version {here}, as this program."),
        )
    } else {
        Finding::warn(
            "server",
            format!(
                "The server answers; its version is {}, this program's is {here}.",
                info.version
            ),
            "Update the older of the two.",
        )
    }];
    // As far as the answer's way allows: it was made between the two.
    let after = host.clock.now_ms();
    let off = match info.time_ms {
        early if early < before => before - early,
        late => late.saturating_sub(after),
    };
    let minutes = format!(
        "This computer's clock and the server's are {} seconds apart.",
        off / 1000
    );
    let set = "Set the clock of whichever is wrong.";
    findings.push(match off {
        off if off >= holdfast_protocol::login::CLOCK_TOLERANCE_MS => Finding::bad("clock", minutes, set).count(off),
        off if off >= CLOCK_WARN_MS => Finding::warn("clock", minutes, set).count(off),
        off => Finding::ok("clock", "This computer's clock agrees with the server's.").count(off),
    });
    findings
}
