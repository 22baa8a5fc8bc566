//! `.env` files: lines of `NAME=value`, as shells and the dotenv libraries agree on them. One file is one set of variables.
//!
//! ```text
//! # a comment
//! export NAME=value           # `export` and this comment are not part of it
//! HASH=abc#def                the # belongs to the value: a comment begins after white space
//! SINGLE='as it is: \n $HOME' no escapes; may go over several lines
//! DOUBLE="a\nb \"c\""         \n \r \t \\ \" \$ \` are escapes, others stay; may go over several lines
//! BACKTICK=`as it is`
//! EMPTY=
//! ```
//!
//! `$NAME` is never expanded: it would bring in the environment of whoever imports. A name that stands twice has its last
//! value, as in a shell. Line ends inside values are `\n`, whatever the file uses.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use holdfast_protocol::item::SecretType;
use zeroize::Zeroizing;

use crate::entry::{Draft, Import};
use crate::error::Error;
use crate::text;

/// The longest file that is read: what it comes to has to fit one entry, which is a quarter of this.
const MAX_TEXT: usize = 1 << 20;

pub(crate) fn read(text: &str, name: &str) -> Result<Import, Error> {
    let mut import = Import::in_clear();
    if text.len() > MAX_TEXT {
        return Err(Error::not_this("a .env file", "it is larger than 1 MiB"));
    }
    let mut draft = Draft::new(SecretType::Env, name);
    let mut repeated = BTreeMap::new();
    let mut reader = Reader {
        rest: text.chars().peekable(),
        line: 1,
    };
    while let Some(found) = reader.next()? {
        let Some(value) = found.value else {
            import.skip(found.name, format!("line {} gives it no value", found.line));
            continue;
        };
        if draft.set(&found.name, text::secret(&value)) {
            repeated.insert(found.name, found.line);
        }
    }
    for (name, line) in repeated {
        import.skip(name, format!("it is there more than once; line {line} counts"));
    }
    if draft.is_empty() && import.skipped.is_empty() {
        return Err(Error::not_this("a .env file", "there is no NAME=value in it"));
    }
    import.take(draft)?;
    Ok(import)
}

struct Found {
    name: String,
    value: Option<Zeroizing<String>>,
    line: usize,
}

struct Reader<'t> {
    rest: Peekable<Chars<'t>>,
    line: usize,
}

impl Reader<'_> {
    /// The next character, a line end of any sort as `\n`.
    fn step(&mut self) -> Option<char> {
        let mut character = self.rest.next()?;
        if character == '\r' && self.rest.peek() == Some(&'\n') {
            self.rest.next();
            character = '\n';
        }
        if character == '\n' {
            self.line += 1;
        }
        Some(character)
    }

    /// Whether the line ends here.
    fn at_end(&mut self) -> bool {
        match self.rest.peek() {
            None | Some('\n') => true,
            Some('\r') => {
                let mut ahead = self.rest.clone();
                ahead.next();
                matches!(ahead.next(), None | Some('\n'))
            }
            Some(_) => false,
        }
    }

    fn skip_blanks(&mut self) {
        while !self.at_end() && self.rest.peek().is_some_and(|next| next.is_whitespace()) {
            self.rest.next();
        }
    }

    fn skip_line(&mut self) {
        while !self.at_end() {
            self.rest.next();
        }
    }

    fn next(&mut self) -> Result<Option<Found>, Error> {
        loop {
            self.skip_blanks();
            match self.rest.peek() {
                None => return Ok(None),
                Some('#') => self.skip_line(),
                Some('\r' | '\n') => {
                    self.step();
                }
                Some(_) => return self.assignment().map(Some),
            }
        }
    }

    fn assignment(&mut self) -> Result<Found, Error> {
        let line = self.line;
        let (mut name, mut exported) = (self.word(), false);
        self.skip_blanks();
        if name == "export" && self.rest.peek() != Some(&'=') {
            exported = true;
            name = self.word();
            self.skip_blanks();
        }
        let begins = |first: char| first.is_ascii_alphabetic() || first == '_';
        let sound = name.len() <= 200 && name.starts_with(begins);
        let assigned = self.rest.peek() == Some(&'=');
        if exported && sound && !assigned && self.only_a_comment_follows() {
            return Ok(Found {
                name,
                value: None,
                line,
            });
        }
        if !sound || !assigned {
            // Not repeated: it may be the rest of a value whose quotes are missing.
            return Err(Error::line(
                line,
                "expected NAME=value, with a name of letters, digits and _",
            ));
        }
        self.rest.next();
        self.skip_blanks();
        let value = match self.rest.peek() {
            Some(&quote @ ('"' | '\'' | '`')) => {
                self.rest.next();
                let value = self.quoted(quote, line)?;
                let ends = self.line;
                if !self.only_a_comment_follows() {
                    return Err(Error::line(ends, "something follows the closing quote"));
                }
                value
            }
            _ => self.unquoted(),
        };
        Ok(Found {
            name,
            value: Some(value),
            line,
        })
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        let belongs = |next: &char| next.is_ascii_alphanumeric() || matches!(next, '_' | '.' | '-');
        while let Some(next) = self.rest.next_if(belongs) {
            word.push(next);
        }
        word
    }

    fn only_a_comment_follows(&mut self) -> bool {
        self.skip_blanks();
        if self.rest.peek() == Some(&'#') {
            self.skip_line();
        }
        self.at_end()
    }

    fn unquoted(&mut self) -> Zeroizing<String> {
        let mut value = self.room();
        let mut after_blank = true;
        while !self.at_end() {
            let Some(next) = self.rest.next() else { break };
            if next == '#' && after_blank {
                self.skip_line();
                break;
            }
            after_blank = next.is_whitespace();
            value.push(next);
        }
        let end = value.trim_end().len();
        value.truncate(end);
        value
    }

    fn quoted(&mut self, quote: char, begins: usize) -> Result<Zeroizing<String>, Error> {
        let mut value = self.room();
        while let Some(next) = self.step() {
            match next {
                _ if next == quote => return Ok(value),
                '\\' if quote == '"' => match self.step() {
                    Some('n') => value.push('\n'),
                    Some('r') => value.push('\r'),
                    Some('t') => value.push('\t'),
                    Some(escaped @ ('\\' | '"' | '$' | '`')) => value.push(escaped),
                    // A line that goes on in the next one, as in a shell.
                    Some('\n') => {}
                    Some(other) => value.extend(['\\', other]),
                    None => break,
                },
                _ => value.push(next),
            }
        }
        Err(Error::line(begins, "the quote that begins here never ends"))
    }

    /// A buffer for a value. Most are short; one that has to grow leaves a copy behind that is not wiped.
    fn room(&self) -> Zeroizing<String> {
        Zeroizing::new(String::with_capacity(4096))
    }
}
