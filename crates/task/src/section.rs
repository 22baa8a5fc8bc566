//! A table of the file, taken apart field by field. What nobody took is a fault: a word that is misspelt must not be skipped.

use toml::{Table, Value};

use crate::fault::{Fault, quoted};
use crate::words::name;

pub(crate) struct Section {
    path: String,
    left: Table,
    /// What was asked for, to say what there is.
    known: Vec<&'static str>,
}

impl Section {
    pub(crate) fn new(path: String, left: Table) -> Self {
        Self {
            path,
            left,
            known: Vec::new(),
        }
    }

    /// The full name of a field.
    pub(crate) fn field(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    pub(crate) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.left.remove(key)
    }

    pub(crate) fn text(&mut self, key: &'static str) -> Result<Option<String>, Fault> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, &other, "a text", "Put it between quotes.")),
        }
    }

    /// A text that has to be there.
    pub(crate) fn need(&mut self, key: &'static str, example: &str) -> Result<String, Fault> {
        self.text(key)?
            .ok_or_else(|| Fault::new(self.field(key), "is missing", format!("Add {key} = \"{example}\".")))
    }

    /// A text for people: some characters on one line.
    pub(crate) fn line(&mut self, key: &'static str, most: usize) -> Result<Option<String>, Fault> {
        let text = self.text(key)?;
        if let Some(text) = &text
            && (text.chars().count() > most || text.chars().any(char::is_control))
        {
            let what = format!("is not one line of at most {most} characters");
            return Err(Fault::new(self.field(key), what, "Shorten it."));
        }
        Ok(text)
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> Result<bool, Fault> {
        match self.take(key) {
            None => Ok(false),
            Some(Value::Boolean(flag)) => Ok(flag),
            Some(other) => Err(self.wrong(key, &other, "true or false", "Write it without quotes.")),
        }
    }

    pub(crate) fn texts(&mut self, key: &'static str, most: usize) -> Result<Vec<String>, Fault> {
        let list = match self.take(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(other) => return Err(self.wrong(key, &other, "a list", "Put it between square brackets.")),
        };
        if list.len() > most {
            let what = format!("has more than {most} entries");
            return Err(Fault::new(self.field(key), what, "Make it shorter."));
        }
        list.into_iter()
            .map(|entry| match entry {
                Value::String(text) => Ok(text),
                other => Err(self.wrong(key, &other, "a list of texts", "Put each between quotes.")),
            })
            .collect()
    }

    pub(crate) fn table(&mut self, key: &'static str) -> Result<Option<Self>, Fault> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(Self::new(self.field(key), table))),
            Some(other) => Err(self.wrong(key, &other, "a section", &format!("Write it as [{key}]."))),
        }
    }

    /// The sections `[key.NAME]`, at most `most`, by their names.
    pub(crate) fn named(&mut self, key: &'static str, most: usize) -> Result<Vec<(String, Self)>, Fault> {
        let Some(section) = self.table(key)? else {
            return Ok(Vec::new());
        };
        if section.left.len() > most {
            return Err(Fault::new(
                key,
                format!("has more than {most} entries"),
                "Leave some out.",
            ));
        }
        let mut all = Vec::new();
        for (given, value) in section.left {
            let name = name(&given).map_err(|what| {
                Fault::new(
                    key,
                    format!("the name {} {what}", quoted(&given)),
                    "Use letters, digits, - and _, at most 40, and begin with a letter.",
                )
            })?;
            let field = format!("{key}.{name}");
            let Value::Table(table) = value else {
                let next = format!("Write it as [{field}].");
                return Err(Fault::new(field, "must be a section", next));
            };
            all.push((name, Self::new(field, table)));
        }
        Ok(all)
    }

    /// The entries as they stand, at most `most`, where the file's author names them all.
    pub(crate) fn entries(self, most: usize) -> Result<Table, Fault> {
        if self.left.len() > most {
            let what = format!("has more than {most} entries");
            return Err(Fault::new(self.path, what, "Leave some out."));
        }
        Ok(self.left)
    }

    /// To be called when everything was asked for.
    pub(crate) fn end(self) -> Result<(), Fault> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(key) => {
                let place = if self.path.is_empty() { "the file" } else { &self.path };
                let what = format!("{} has no place here", quoted(key));
                let next = format!("Remove it, or use one of: {}.", self.known.join(", "));
                Err(Fault::new(place, what, next))
            }
        }
    }

    pub(crate) fn wrong(&self, key: &str, found: &Value, wanted: &str, next: &str) -> Fault {
        let what = format!("must be {wanted}, not {}", kind_of(found));
        Fault::new(self.field(key), what, next)
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}
