//! Every way to write a CBOR message differently: each mutant means the same or nearly, and none may be read.

/// A data item, just deep enough to write it back otherwise.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// Major type 0 or 1 and argument.
    Number(u8, u64),
    /// Major type 2 or 3.
    Text(u8, Vec<u8>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    /// `false`, `true`, `null`.
    Simple(u8),
}

fn head(bytes: &mut &[u8]) -> (u8, u64) {
    let first = bytes[0];
    let extra = match first & 31 {
        short @ 0..=23 => {
            *bytes = &bytes[1..];
            return (first >> 5, u64::from(short));
        }
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        other => panic!("not deterministic: {other}"),
    };
    let value = bytes[1..=extra]
        .iter()
        .fold(0, |value, &byte| value << 8 | u64::from(byte));
    *bytes = &bytes[1 + extra..];
    (first >> 5, value)
}

fn parse(bytes: &mut &[u8]) -> Node {
    if bytes[0] >> 5 == 7 {
        let simple = bytes[0];
        *bytes = &bytes[1..];
        return Node::Simple(simple);
    }
    let (major, argument) = head(bytes);
    let count = usize::try_from(argument).unwrap();
    match major {
        0 | 1 => Node::Number(major, argument),
        2 | 3 => {
            let (text, rest) = bytes.split_at(count);
            *bytes = rest;
            Node::Text(major, text.to_vec())
        }
        4 => Node::List((0..count).map(|_| parse(bytes)).collect()),
        5 => Node::Map((0..count).map(|_| (parse(bytes), parse(bytes))).collect()),
        other => panic!("no such type in our messages: {other}"),
    }
}

/// What to write differently, and how many more occasions to let pass first.
struct Twist {
    way: Way,
    pass: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    None,
    LongNumber,
    LongLength,
    Indefinite,
    UnsortedKeys,
    RepeatedKey,
    UnknownKey,
    NullField,
    ExtraElement,
    ShorterList,
}

impl Twist {
    fn here(&mut self, way: Way) -> bool {
        if self.way != way {
            return false;
        }
        let now = self.pass == 0;
        self.pass = self.pass.wrapping_sub(1);
        now
    }
}

fn put_head(out: &mut Vec<u8>, major: u8, argument: u64, long: bool) {
    let bytes = argument.to_be_bytes();
    let needed = match argument {
        0..=23 => 0,
        24..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    };
    let used = if long { (needed * 2).clamp(1, 8) } else { needed };
    match used {
        0 => out.push(major << 5 | bytes[7]),
        _ => {
            out.push(major << 5 | [0, 24, 25, 0, 26, 0, 0, 0, 27][used]);
            out.extend_from_slice(&bytes[8 - used..]);
        }
    }
}

fn write(node: &Node, out: &mut Vec<u8>, twist: &mut Twist) {
    match node {
        Node::Number(major, value) => {
            let long = *value <= 0xffff_ffff && twist.here(Way::LongNumber);
            put_head(out, *major, *value, long);
        }
        Node::Text(major, text) => {
            if twist.here(Way::Indefinite) {
                out.push(major << 5 | 31);
                put_head(out, *major, text.len() as u64, false);
                out.extend_from_slice(text);
                out.push(0xff);
            } else {
                let long = twist.here(Way::LongLength);
                put_head(out, *major, text.len() as u64, long);
                out.extend_from_slice(text);
            }
        }
        Node::List(nodes) => {
            let mut nodes = nodes.clone();
            if twist.here(Way::ExtraElement) {
                nodes.push(Node::Simple(0xf6));
            } else if !nodes.is_empty() && twist.here(Way::ShorterList) {
                put_head(out, 4, nodes.len() as u64, false);
                nodes.pop();
                nodes.iter().for_each(|node| write(node, out, twist));
                return;
            }
            list(out, 4, nodes.len(), twist, |out, twist| {
                nodes.iter().for_each(|node| write(node, out, twist))
            });
        }
        Node::Map(pairs) => {
            let mut pairs = pairs.clone();
            let last = pairs.last().cloned();
            if pairs.len() > 1 && twist.here(Way::UnsortedKeys) {
                pairs.swap(0, 1);
            } else if pairs.len() > 1 && twist.here(Way::RepeatedKey) {
                pairs.extend(last);
            } else if twist.here(Way::UnknownKey) {
                pairs.push((Node::Number(0, 99), Node::Number(0, 0)));
            } else if twist.here(Way::NullField) {
                let missing = (1..)
                    .find(|&key| pairs.iter().all(|pair| pair.0 != Node::Number(0, key)))
                    .unwrap();
                pairs.push((Node::Number(0, missing), Node::Simple(0xf6)));
                pairs.sort_by_key(|pair| {
                    if let Node::Number(_, key) = pair.0 {
                        key
                    } else {
                        u64::MAX
                    }
                });
            }
            list(out, 5, pairs.len(), twist, |out, twist| {
                for (key, value) in &pairs {
                    write(key, out, twist);
                    write(value, out, twist);
                }
            });
        }
        Node::Simple(simple) => out.push(*simple),
    }
}

fn list(out: &mut Vec<u8>, major: u8, count: usize, twist: &mut Twist, inner: impl FnOnce(&mut Vec<u8>, &mut Twist)) {
    let indefinite = twist.here(Way::Indefinite);
    if indefinite {
        out.push(major << 5 | 31);
    } else {
        let long = twist.here(Way::LongLength);
        put_head(out, major, count as u64, long);
    }
    inner(out, twist);
    if indefinite {
        out.push(0xff);
    }
}

/// All mutants of one deterministic message, each with the name of what was done to it.
pub(crate) fn mutants(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut rest = bytes;
    let node = parse(&mut rest);
    assert!(rest.is_empty(), "more than one data item");
    let mut plain = Vec::new();
    write(
        &node,
        &mut plain,
        &mut Twist {
            way: Way::None,
            pass: 0,
        },
    );
    assert_eq!(plain, bytes, "the message itself is in the one form");

    let mut all = vec![("trailing byte".to_owned(), [bytes, &[0]].concat())];
    all.extend((0..bytes.len()).map(|end| (format!("cut at {end}"), bytes[..end].to_vec())));
    let ways = [
        Way::LongNumber,
        Way::LongLength,
        Way::Indefinite,
        Way::UnsortedKeys,
        Way::RepeatedKey,
        Way::UnknownKey,
        Way::NullField,
        Way::ExtraElement,
        Way::ShorterList,
    ];
    for way in ways {
        for pass in 0.. {
            let mut out = Vec::new();
            write(&node, &mut out, &mut Twist { way, pass });
            if out == bytes {
                break;
            }
            all.push((format!("{way:?} at occasion {pass}"), out));
        }
    }
    all
}
