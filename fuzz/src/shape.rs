//! How the fuzzer changes an input so that it stays one. Bytes that are changed blindly seldom get past the first length of a part
//! or of a CBOR string, and what comes behind it has moved; here parts and CBOR are taken apart, one thing in them is changed, and
//! they are put together again with the lengths that are now right. Every third change is a blind one all the same.

/// Changes bytes blindly, within a length: the fuzzer's own.
pub type Blind = fn(&mut [u8], usize, usize) -> usize;

/// How a target's input is laid out.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Bytes in front of all else.
    head: usize,
    /// Bytes in front of each step's parts.
    each: usize,
    /// Parts of a step, each with its length before it. None: what is behind the head is CBOR, to the end.
    parts: usize,
}

/// CBOR behind some bytes.
#[must_use]
pub const fn cbor(head: usize) -> Shape {
    Shape {
        head,
        each: 0,
        parts: 0,
    }
}

/// Steps behind some bytes: each some bytes and some parts.
#[must_use]
pub const fn steps(head: usize, each: usize, parts: usize) -> Shape {
    Shape { head, each, parts }
}

type Step = (Vec<u8>, Vec<Vec<u8>>);

impl Shape {
    /// Changes one thing in an input, and says how long it is now.
    pub fn change(self, data: &mut [u8], size: usize, most: usize, seed: u32, blind: Blind) -> usize {
        let mut dice = Dice(u64::from(seed) << 1 | 1);
        if size <= self.head || dice.below(3) == 0 {
            return blind(data, size, most);
        }
        let (head, rest) = data[..size].split_at(self.head);
        let mut head = head.to_vec();
        let mut all = self.apart(rest);
        // Something small often leads to nothing by itself: a few together now and then.
        for _ in 0..=dice.below(8).saturating_sub(5) {
            if !head.is_empty() && dice.below(12) == 0 {
                let at = dice.below(head.len());
                head[at] = dice.small();
            } else {
                change_steps(&mut all, self.parts > 0, &mut dice, blind);
            }
        }
        let out = self.together(head, &all);
        if out.len() > most || out == data[..size] {
            return blind(data, size, most);
        }
        data[..out.len()].copy_from_slice(&out);
        out.len()
    }

    fn apart(self, mut rest: &[u8]) -> Vec<Step> {
        if self.parts == 0 {
            return vec![(Vec::new(), vec![rest.to_vec()])];
        }
        let mut all = Vec::new();
        while !rest.is_empty() {
            let (each, behind) = rest.split_at(self.each.min(rest.len()));
            rest = behind;
            let mut parts = Vec::new();
            for _ in 0..self.parts {
                let Some((length, behind)) = rest.split_first_chunk() else {
                    rest = &[];
                    break;
                };
                let (part, behind) = behind.split_at(usize::from(u16::from_be_bytes(*length)).min(behind.len()));
                parts.push(part.to_vec());
                rest = behind;
            }
            all.push((each.to_vec(), parts));
        }
        all
    }

    fn together(self, mut out: Vec<u8>, all: &[Step]) -> Vec<u8> {
        for (each, parts) in all {
            out.extend_from_slice(each);
            for part in parts {
                if self.parts > 0 {
                    // What is longer than a length can say is cut by whoever reads it.
                    let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
                    out.extend_from_slice(&length.to_be_bytes());
                    out.extend_from_slice(&part[..usize::from(length)]);
                } else {
                    out.extend_from_slice(part);
                }
            }
        }
        out
    }
}

fn change_steps(all: &mut Vec<Step>, many: bool, dice: &mut Dice, blind: Blind) {
    let at = dice.below(all.len());
    if many && !all.is_empty() && dice.below(10) == 0 {
        let other = dice.below(all.len());
        match dice.below(3) {
            0 => drop(all.remove(at)),
            1 => all.swap(at, other),
            _ => all.insert(at, all[other].clone()),
        }
        return;
    }
    let Some((each, parts)) = all.get_mut(at) else { return };
    if !each.is_empty() && dice.below(8) == 0 {
        let at = dice.below(each.len());
        each[at] = dice.small();
        return;
    }
    let part = dice.below(parts.len());
    let Some(part) = parts.get_mut(part) else { return };
    match Node::read_all(part) {
        Some(mut nodes) if !nodes.is_empty() => {
            let count: usize = nodes.iter().map(Node::count).sum();
            let other = nth(&mut nodes, dice.below(count)).clone();
            nth(&mut nodes, dice.below(count)).change(other, dice, blind);
            *part = Node::write_all(&nodes);
        }
        _ => blindly(part, blind),
    }
}

fn blindly(bytes: &mut Vec<u8>, blind: Blind) {
    let size = bytes.len();
    bytes.resize(size + 64, 0);
    let size = blind(bytes, size, size + 64);
    bytes.truncate(size);
}

/// Something of CBOR, in the form that the specification allows.
#[derive(Clone, PartialEq)]
enum Node {
    /// A number, or a simple value: the kind, the number.
    Number(u8, u64),
    /// Bytes (2) or text (3).
    Text(u8, Vec<u8>),
    /// Bytes that hold CBOR.
    Inside(Vec<Self>),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
    /// Numbers with a point, as they are written.
    Point(Vec<u8>),
}

fn nth(nodes: &mut [Node], mut at: usize) -> &mut Node {
    let place = nodes
        .iter()
        .position(|node| {
            let inside = at < node.count();
            at -= if inside { 0 } else { node.count() };
            inside
        })
        .expect("it is one of them");
    nodes[place].nth(at)
}

impl Node {
    fn read_all(mut bytes: &[u8]) -> Option<Vec<Self>> {
        let mut nodes = Vec::new();
        while !bytes.is_empty() {
            let (node, rest) = Self::read(bytes, 0)?;
            nodes.push(node);
            bytes = rest;
        }
        Some(nodes)
    }

    fn read(bytes: &[u8], depth: usize) -> Option<(Self, &[u8])> {
        let (first, rest) = bytes.split_first()?;
        let (kind, short) = (first >> 5, first & 31);
        let width = match short {
            0..=23 => 0,
            24..=27 => 1 << (short - 24),
            _ => return None,
        };
        let (number, rest) = rest.split_at_checked(width)?;
        if kind == 7 && width > 1 {
            return Some((Self::Point(bytes[..=width].to_vec()), rest));
        }
        let number = if width == 0 {
            u64::from(short)
        } else {
            number.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        if depth > 16 || kind == 6 {
            return None;
        }
        let count = usize::try_from(number).ok();
        Some(match kind {
            2 | 3 => {
                let (text, rest) = rest.split_at_checked(count?)?;
                let inside = (kind == 2 && text.len() > 3 && matches!(text[0] >> 5, 4 | 5))
                    .then(|| Self::read(text, depth + 1))
                    .flatten();
                match inside {
                    Some((node, [])) => (Self::Inside(vec![node]), rest),
                    _ => (Self::Text(kind, text.to_vec()), rest),
                }
            }
            4 | 5 => {
                let (mut list, mut rest) = (Vec::new(), rest);
                for _ in 0..count?.checked_mul(usize::from(kind) - 3)? {
                    let (node, behind) = Self::read(rest, depth + 1)?;
                    list.push(node);
                    rest = behind;
                }
                if kind == 4 {
                    (Self::List(list), rest)
                } else {
                    let pairs = list.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
                    (Self::Map(pairs.collect()), rest)
                }
            }
            _ => (Self::Number(kind, number), rest),
        })
    }

    fn write_all(nodes: &[Self]) -> Vec<u8> {
        let mut out = Vec::new();
        nodes.iter().for_each(|node| node.write(&mut out));
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(kind, number) => write_head(out, *kind, *number),
            Self::Text(kind, text) => {
                write_head(out, *kind, text.len() as u64);
                out.extend_from_slice(text);
            }
            Self::Inside(nodes) => Self::Text(2, Self::write_all(nodes)).write(out),
            Self::List(list) => {
                write_head(out, 4, list.len() as u64);
                list.iter().for_each(|node| node.write(out));
            }
            Self::Map(pairs) => {
                write_head(out, 5, pairs.len() as u64);
                for (key, value) in pairs {
                    key.write(out);
                    value.write(out);
                }
            }
            Self::Point(bytes) => out.extend_from_slice(bytes),
        }
    }

    /// This one and all within it; a map's keys are not counted.
    fn count(&self) -> usize {
        1 + match self {
            Self::Inside(list) | Self::List(list) => list.iter().map(Self::count).sum(),
            Self::Map(pairs) => pairs.iter().map(|(_, value)| value.count()).sum::<usize>(),
            _ => 0,
        }
    }

    fn nth(&mut self, at: usize) -> &mut Self {
        let Some(mut at) = at.checked_sub(1) else { return self };
        match self {
            Self::Inside(list) | Self::List(list) => nth(list, at),
            Self::Map(pairs) => {
                let within = |(_, value): &(Self, Self)| {
                    let inside = at < value.count();
                    at -= if inside { 0 } else { value.count() };
                    inside
                };
                let place = pairs.iter().position(within).expect("it is one of them");
                pairs[place].1.nth(at)
            }
            _ => self,
        }
    }

    /// Changes this; `other` is something else of the same input.
    fn change(&mut self, other: Self, dice: &mut Dice, blind: Blind) {
        let alike = std::mem::discriminant(self) == std::mem::discriminant(&other);
        if dice.below(if alike { 3 } else { 20 }) == 0 {
            *self = other;
            return;
        }
        match self {
            Self::Number(kind, number) => {
                *number = match dice.below(6) {
                    0 => number.wrapping_add(1),
                    1 => number.wrapping_sub(1),
                    2 => u64::from(dice.small()),
                    3 => 1 << dice.below(64),
                    4 => (1 << dice.below(64)) - 1,
                    _ => *number ^ 1 << dice.below(64),
                };
                if *kind == 7 {
                    *number &= 31;
                    *number = (*number).min(23);
                }
            }
            Self::Text(_, text) => match dice.below(6) {
                0 => text.clear(),
                1 => text.resize([1, 16, 32, 64, 256][dice.below(5)], 0),
                _ => blindly(text, blind),
            },
            Self::Inside(nodes) => *self = Self::Text(2, Self::write_all(nodes)),
            Self::List(list) => change_list(list, other, dice),
            Self::Map(pairs) => {
                let key = Self::Number(0, dice.below(16) as u64);
                change_list(pairs, (key, other), dice);
                // The one order that is allowed, most of the time.
                if dice.below(8) > 0 {
                    pairs.sort_by_key(|(key, _)| Self::write_all(std::slice::from_ref(key)));
                }
            }
            Self::Point(bytes) => {
                let at = dice.below(bytes.len() - 1) + 1;
                bytes[at] = dice.small();
            }
        }
    }
}

fn change_list<T: Clone>(list: &mut Vec<T>, other: T, dice: &mut Dice) {
    let (at, from) = (dice.below(list.len()), dice.below(list.len()));
    match dice.below(4) {
        0 if !list.is_empty() => drop(list.remove(at)),
        1 if !list.is_empty() => list.insert(at, list[from].clone()),
        2 if !list.is_empty() => list.swap(at, from),
        _ => list.insert(at, other),
    }
}

fn write_head(out: &mut Vec<u8>, kind: u8, number: u64) {
    let bytes = number.to_be_bytes();
    let (short, width) = match number {
        0..=23 => (bytes[7], 0),
        24..=0xFF => (24, 1),
        0x100..=0xFFFF => (25, 2),
        0x1_0000..=0xFFFF_FFFF => (26, 4),
        _ => (27, 8),
    };
    out.push(kind << 5 | short);
    out.extend_from_slice(&bytes[8 - width..]);
}

/// Numbers that one seed gives.
struct Dice(u64);

impl Dice {
    /// Below this; nothing is below nothing.
    fn below(&mut self, most: usize) -> usize {
        // SplitMix64: small, and good enough to choose by.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ mixed >> 31) % most.max(1) as u64).expect("it is below a length")
    }

    /// A byte, small ones more often.
    fn small(&mut self) -> u8 {
        let most = [8, 32, 256][self.below(3)];
        u8::try_from(self.below(most)).expect("it is below 256")
    }
}
