//! `KeePass` and `KeePassXC`: the XML export, and the database file itself (KDBX 3 and 4) under its passphrase.

mod kdbx;
mod xml;

use crate::entry::Import;
use crate::error::Error;
use crate::text;

pub(crate) use kdbx::is_kdbx;

const THIS: &str = "a KeePass file";

pub(crate) fn read(bytes: &[u8], passphrase: Option<&str>) -> Result<Import, Error> {
    if is_kdbx(bytes) {
        let passphrase = passphrase.ok_or(Error::PassphraseNeeded)?;
        let opened = kdbx::open(bytes, passphrase)?;
        return xml::read(opened.xml()?, Import::default(), Some(opened.stream()?));
    }
    let text = text::of(bytes)?;
    if !text.trim_start().starts_with('<') {
        return Err(Error::not_this(
            THIS,
            "it is neither XML nor a .kdbx file; in KeePassXC choose Database > Export > XML",
        ));
    }
    xml::read(text, Import::in_clear(), None)
}
