//! Messages as trees that can be changed anywhere and written back, whether they make sense then or not: JSON, base64url in
//! it, deterministic CBOR (RFC 8949 4.2) in that, and CBOR in byte strings of CBOR.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The places of children on the way to a node.
pub(crate) type Path = Vec<usize>;

/// One data item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    /// An unsigned (0) or negative (1) integer, or a simple value (7), with its argument.
    Number(u8, u64),
    Bytes(Vec<u8>),
    Text(Vec<u8>),
    Array(Vec<Tree>),
    Map(Vec<(Tree, Tree)>),
    /// Base64url text in JSON that holds CBOR.
    InText(Box<Tree>),
    /// A byte string that holds CBOR.
    InBytes(Box<Tree>),
}

const FALSE: Tree = Tree::Number(7, 20);
const TRUE: Tree = Tree::Number(7, 21);
pub(crate) const NULL: Tree = Tree::Number(7, 22);

impl Tree {
    /// Reads one item that is all of `bytes`.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let tree = item(&mut rest, 0)?;
        (rest.is_empty() && tree.write() == bytes).then_some(tree)
    }

    /// Writes it.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.append(&mut out);
        out
    }

    fn append(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(major, value) => head(*major, *value, out),
            Self::Bytes(bytes) => {
                head(2, bytes.len() as u64, out);
                out.extend_from_slice(bytes);
            }
            Self::Text(bytes) => {
                head(3, bytes.len() as u64, out);
                out.extend_from_slice(bytes);
            }
            Self::Array(items) => {
                head(4, items.len() as u64, out);
                items.iter().for_each(|item| item.append(out));
            }
            Self::InText(inner) => Self::Text(URL_SAFE_NO_PAD.encode(inner.write()).into_bytes()).append(out),
            Self::InBytes(inner) => Self::Bytes(inner.write()).append(out),
            Self::Map(pairs) => {
                head(5, pairs.len() as u64, out);
                for (key, value) in pairs {
                    key.append(out);
                    value.append(out);
                }
            }
        }
    }

    /// What JSON says, with all that is packed in it taken apart.
    pub(crate) fn of_json(value: &Value) -> Self {
        match value {
            Value::Null => NULL,
            Value::Bool(false) => FALSE,
            Value::Bool(true) => TRUE,
            Value::Number(number) => Self::Number(0, number.as_u64().expect("messages hold unsigned numbers")),
            Value::String(text) => {
                let packed = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| Self::packed(&bytes));
                packed.map_or_else(
                    || Self::Text(text.clone().into_bytes()),
                    |tree| Self::InText(Box::new(tree)),
                )
            }
            Value::Array(items) => Self::Array(items.iter().map(Self::of_json).collect()),
            Value::Object(fields) => {
                let pairs = fields.iter();
                Self::Map(
                    pairs
                        .map(|(key, value)| (Self::Text(key.clone().into_bytes()), Self::of_json(value)))
                        .collect(),
                )
            }
        }
    }

    /// Bytes that are a map or an array of CBOR: with fewer than two things in it, it may be chance.
    fn packed(bytes: &[u8]) -> Option<Self> {
        match Self::parse(bytes)? {
            Self::Map(pairs) if pairs.len() > 1 => {
                let pairs = pairs.into_iter().map(|(key, value)| (key, value.unpacked()));
                Some(Self::Map(pairs.collect()))
            }
            Self::Array(items) if items.len() > 1 => Some(Self::Array(items.into_iter().map(Self::unpacked).collect())),
            _ => None,
        }
    }

    fn unpacked(self) -> Self {
        match self {
            Self::Bytes(bytes) => match Self::packed(&bytes) {
                Some(tree) => Self::InBytes(Box::new(tree)),
                None => Self::Bytes(bytes),
            },
            Self::Array(items) => Self::Array(items.into_iter().map(Self::unpacked).collect()),
            Self::Map(pairs) => Self::Map(pairs.into_iter().map(|(key, value)| (key, value.unpacked())).collect()),
            other => other,
        }
    }

    /// JSON again. Keys may come twice; what JSON has no word for becomes text.
    pub(crate) fn to_json(&self) -> String {
        let text = |bytes: &[u8]| Value::String(String::from_utf8_lossy(bytes).into_owned()).to_string();
        match self {
            Self::Number(7, 20) => "false".into(),
            Self::Number(7, 21) => "true".into(),
            Self::Number(7, _) => "null".into(),
            Self::Number(_, value) => value.to_string(),
            Self::Text(bytes) => text(bytes),
            Self::Bytes(bytes) => text(URL_SAFE_NO_PAD.encode(bytes).as_bytes()),
            Self::InText(inner) | Self::InBytes(inner) => text(URL_SAFE_NO_PAD.encode(inner.write()).as_bytes()),
            Self::Array(items) => {
                let items: Vec<_> = items.iter().map(Self::to_json).collect();
                format!("[{}]", items.join(","))
            }
            Self::Map(pairs) => {
                let pairs = pairs
                    .iter()
                    .map(|(key, value)| format!("{}:{}", key.to_json(), value.to_json()));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
            }
        }
    }

    fn children(&self) -> Vec<&Self> {
        match self {
            Self::Array(items) => items.iter().collect(),
            Self::Map(pairs) => pairs.iter().map(|(_, value)| value).collect(),
            Self::InText(inner) | Self::InBytes(inner) => vec![inner],
            _ => Vec::new(),
        }
    }

    /// The node at a place.
    pub(crate) fn at(&self, path: &[usize]) -> Option<&Self> {
        match path.split_first() {
            None => Some(self),
            Some((&first, rest)) => self.children().get(first)?.at(rest),
        }
    }

    /// The same, to be changed.
    pub(crate) fn at_mut(&mut self, path: &[usize]) -> Option<&mut Self> {
        let Some((&first, rest)) = path.split_first() else {
            return Some(self);
        };
        let child = match self {
            Self::Array(items) => items.get_mut(first),
            Self::Map(pairs) => pairs.get_mut(first).map(|(_, value)| value),
            Self::InText(inner) | Self::InBytes(inner) => Some(inner.as_mut()),
            _ => None,
        };
        child?.at_mut(rest)
    }

    /// Every single value, and everything that has others packed in it; with the name of its place, which leaves out the
    /// numbers of what stands in lists of JSON.
    pub(crate) fn leaves(&self) -> Vec<(Path, String)> {
        let mut found = Vec::new();
        self.walk(&mut Vec::new(), &mut Vec::new(), false, &mut found);
        found
    }

    fn walk(&self, path: &mut Path, name: &mut Vec<String>, in_cbor: bool, found: &mut Vec<(Path, String)>) {
        let children = self.children();
        if !matches!(self, Self::Array(_) | Self::Map(_)) || children.is_empty() {
            found.push((path.clone(), name.join("/")));
        }
        for (index, child) in children.into_iter().enumerate() {
            let (step, in_cbor) = match self {
                Self::Array(_) if in_cbor => (index.to_string(), true),
                Self::Array(_) => ("[]".into(), false),
                Self::Map(pairs) => match &pairs[index].0 {
                    Self::Text(key) => (String::from_utf8_lossy(key).into_owned(), in_cbor),
                    Self::Number(_, key) => (key.to_string(), in_cbor),
                    _ => ("?".into(), in_cbor),
                },
                _ => ("~".into(), true),
            };
            path.push(index);
            name.push(step);
            child.walk(path, name, in_cbor, found);
            path.pop();
            name.pop();
        }
    }

    /// The value of a number key.
    pub(crate) fn field(&mut self, key: u64) -> Option<&mut Self> {
        let Self::Map(pairs) = self else { return None };
        let wanted = Self::Number(0, key);
        pairs.iter_mut().find(|(key, _)| *key == wanted).map(|(_, value)| value)
    }
}

fn head(major: u8, value: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match value {
        0..24 => out.push(major | u8::try_from(value).expect("below 24")),
        24..0x100 => out.extend([major | 24, u8::try_from(value).expect("a byte")]),
        0x100..0x1_0000 => {
            out.push(major | 25);
            out.extend(u16::try_from(value).expect("two bytes").to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(major | 26);
            out.extend(u32::try_from(value).expect("four bytes").to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend(value.to_be_bytes());
        }
    }
}

fn item(rest: &mut &[u8], depth: usize) -> Option<Tree> {
    let (&first, after) = rest.split_first()?;
    *rest = after;
    let (major, short) = (first >> 5, first & 31);
    let value = match short {
        0..24 => u64::from(short),
        24..28 => {
            let length = 1 << (short - 24);
            let digits = take(rest, length)?;
            digits.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
        }
        _ => return None,
    };
    if depth > 32 {
        return None;
    }
    let length = usize::try_from(value).ok()?;
    Some(match major {
        0 | 1 | 7 => Tree::Number(major, value),
        2 => Tree::Bytes(take(rest, length)?.to_vec()),
        3 => Tree::Text(take(rest, length)?.to_vec()),
        4 if length <= rest.len() => {
            let items = (0..length).map(|_| item(rest, depth + 1));
            Tree::Array(items.collect::<Option<_>>()?)
        }
        5 if length <= rest.len() => {
            let pairs = (0..length).map(|_| Some((item(rest, depth + 1)?, item(rest, depth + 1)?)));
            Tree::Map(pairs.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    if length > rest.len() {
        return None;
    }
    let (taken, after) = rest.split_at(length);
    *rest = after;
    Some(taken)
}
