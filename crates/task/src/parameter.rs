//! Parameters: what a task takes, and whether what somebody gives is that.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use toml::Value as Toml;

use crate::fault::{Fault, quoted};
use crate::section::Section;

/// Longest text of a parameter, in characters.
const LONGEST: usize = 4096;

/// A value in its one form.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// Text, or one of several choices.
    Text(String),
    /// Yes or no.
    Bool(bool),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            // With a point or an exponent, always: it is told from a whole number.
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Text(text) => f.write_str(text),
            Self::Bool(flag) => write!(f, "{flag}"),
        }
    }
}

/// The values of a run, by name. A parameter that is optional, has no default and was not given is not in it.
pub type Values = BTreeMap<String, Value>;

/// The values as the task finds them in `params.json`.
#[must_use]
pub fn to_json(values: &Values) -> String {
    serde_json::to_string(values).expect("texts, flags and finite numbers have a form in JSON")
}

/// What kind of value a parameter takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A whole number, within bounds that count themselves.
    Int {
        /// The least.
        min: Option<i64>,
        /// The greatest.
        max: Option<i64>,
    },
    /// A finite number, within bounds that count themselves.
    Float {
        /// The least.
        min: Option<f64>,
        /// The greatest.
        max: Option<f64>,
    },
    /// Text of at most 4096 characters.
    Text,
    /// Yes or no.
    Bool,
    /// One of these.
    Choice(Vec<String>),
}

/// A parameter of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// What it takes.
    pub kind: Kind,
    /// What it is for, for people.
    pub description: String,
    /// What holds if it is not given.
    pub default: Option<Value>,
    /// It may be left out though it has no default.
    pub optional: bool,
}

impl Parameter {
    pub(crate) fn read(mut section: Section) -> Result<Self, Fault> {
        let word = section.need("type", "float")?;
        let kind = match word.as_str() {
            "int" => {
                let (min, max) = (whole(&mut section, "min")?, whole(&mut section, "max")?);
                ordered(&section, min, max)?;
                Kind::Int { min, max }
            }
            "float" => {
                let (min, max) = (number(&mut section, "min")?, number(&mut section, "max")?);
                ordered(&section, min, max)?;
                Kind::Float { min, max }
            }
            "text" => Kind::Text,
            "bool" => Kind::Bool,
            "choice" => Kind::Choice(choices(&mut section)?),
            other => {
                let what = format!("{} is no type", quoted(other));
                return Err(Fault::new(
                    section.field("type"),
                    what,
                    "Use int, float, text, bool or choice.",
                ));
            }
        };
        let mut parameter = Self {
            kind,
            description: section.line("description", 400)?.unwrap_or_default(),
            default: None,
            optional: section.flag("optional")?,
        };
        if let Some(given) = section.take("default") {
            let field = section.field("default");
            parameter.default = Some(parameter.default(&field, given)?);
        }
        section.end()?;
        Ok(parameter)
    }

    /// Whether a run must name a value.
    #[must_use]
    pub fn required(&self) -> bool {
        self.default.is_none() && !self.optional
    }

    fn default(&self, field: &str, given: Toml) -> Result<Value, Fault> {
        let value = match (&self.kind, given) {
            (Kind::Int { .. }, Toml::Integer(number)) => Value::Int(number),
            #[expect(
                clippy::cast_precision_loss,
                reason = "a default that is written as a whole number is small"
            )]
            (Kind::Float { .. }, Toml::Integer(number)) => Value::Float(number as f64),
            (Kind::Float { .. }, Toml::Float(number)) => Value::Float(number),
            (Kind::Text | Kind::Choice(_), Toml::String(text)) => Value::Text(text),
            (Kind::Bool, Toml::Boolean(flag)) => Value::Bool(flag),
            _ => return Err(Fault::new(field, "is not of the parameter's type", self.wanted())),
        };
        self.accept(field, value)
    }

    /// Reads what somebody gave for it.
    pub(crate) fn value(&self, field: &str, given: &str) -> Result<Value, Fault> {
        let wrong = || Fault::new(field, format!("{} does not fit", quoted(given)), self.wanted());
        let value = match &self.kind {
            Kind::Int { .. } => Value::Int(given.trim().parse().map_err(|_| wrong())?),
            Kind::Float { .. } => Value::Float(given.trim().parse().map_err(|_| wrong())?),
            Kind::Text | Kind::Choice(_) => Value::Text(given.to_owned()),
            Kind::Bool => match given.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Value::Bool(true),
                "false" | "no" | "off" | "0" => Value::Bool(false),
                _ => return Err(wrong()),
            },
        };
        self.accept(field, value)
    }

    fn accept(&self, field: &str, value: Value) -> Result<Value, Fault> {
        let fits = match (&self.kind, &value) {
            (Kind::Int { min, max }, Value::Int(number)) => {
                min.is_none_or(|min| *number >= min) && max.is_none_or(|max| *number <= max)
            }
            (Kind::Float { min, max }, Value::Float(number)) => {
                number.is_finite() && min.is_none_or(|min| *number >= min) && max.is_none_or(|max| *number <= max)
            }
            (Kind::Text, Value::Text(text)) => {
                text.chars().count() <= LONGEST && !text.chars().any(|c| c.is_control() && !"\n\t".contains(c))
            }
            (Kind::Choice(choices), Value::Text(text)) => choices.contains(text),
            (Kind::Bool, Value::Bool(_)) => true,
            _ => false,
        };
        if fits {
            return Ok(value);
        }
        let what = format!("{} does not fit", quoted(&value.to_string()));
        Err(Fault::new(field, what, self.wanted()))
    }

    /// What to give, as a sentence.
    fn wanted(&self) -> String {
        fn bounds<T: fmt::Debug>(what: &str, min: Option<T>, max: Option<T>) -> String {
            match (min, max) {
                (Some(min), Some(max)) => format!("Give {what} from {min:?} to {max:?}."),
                (Some(min), None) => format!("Give {what} from {min:?} on."),
                (None, Some(max)) => format!("Give {what} up to {max:?}."),
                (None, None) => format!("Give {what}."),
            }
        }
        match &self.kind {
            Kind::Int { min, max } => bounds("a whole number", *min, *max),
            Kind::Float { min, max } => bounds("a number", *min, *max),
            Kind::Text => format!("Give text of at most {LONGEST} characters."),
            Kind::Bool => "Give true or false.".to_owned(),
            Kind::Choice(choices) => {
                let choices: Vec<_> = choices.iter().take(12).map(|choice| quoted(choice)).collect();
                format!("Give one of: {}.", choices.join(", "))
            }
        }
    }
}

fn whole(section: &mut Section, key: &'static str) -> Result<Option<i64>, Fault> {
    match section.take(key) {
        None => Ok(None),
        Some(Toml::Integer(number)) => Ok(Some(number)),
        Some(other) => Err(section.wrong(
            key,
            &other,
            "a whole number",
            "Write it without quotes and without a point.",
        )),
    }
}

fn number(section: &mut Section, key: &'static str) -> Result<Option<f64>, Fault> {
    match section.take(key) {
        None => Ok(None),
        #[expect(clippy::cast_precision_loss, reason = "a bound of floats is one itself")]
        Some(Toml::Integer(number)) => Ok(Some(number as f64)),
        Some(Toml::Float(number)) if number.is_finite() => Ok(Some(number)),
        Some(other) => Err(section.wrong(key, &other, "a finite number", "Write it like 0.5 or 1e-4.")),
    }
}

fn ordered<T: PartialOrd>(section: &Section, min: Option<T>, max: Option<T>) -> Result<(), Fault> {
    match (min, max) {
        (Some(min), Some(max)) if min > max => Err(Fault::new(
            section.field("min"),
            "is greater than max",
            "Exchange them, or leave one out.",
        )),
        _ => Ok(()),
    }
}

fn choices(section: &mut Section) -> Result<Vec<String>, Fault> {
    let choices = section.texts("choices", 100)?;
    let field = section.field("choices");
    if choices.is_empty() {
        return Err(Fault::new(field, "is missing", "Add choices = [\"one\", \"other\"]."));
    }
    for (at, choice) in choices.iter().enumerate() {
        if choice.is_empty() || choice.chars().count() > 200 || choice.chars().any(char::is_control) {
            let what = format!("{} is not one line of at most 200 characters", quoted(choice));
            return Err(Fault::new(field, what, "Shorten it."));
        }
        if choices[..at].contains(choice) {
            return Err(Fault::new(
                field,
                format!("has {} twice", quoted(choice)),
                "Remove one.",
            ));
        }
    }
    Ok(choices)
}
