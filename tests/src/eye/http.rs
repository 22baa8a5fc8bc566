//! Takes one direction of a recorded HTTP/1.1 connection apart.

/// A request or an answer.
pub(super) struct Message {
    /// Its first line.
    pub(super) line: String,
    /// The names of its heads, in small letters.
    pub(super) heads: Vec<String>,
    /// Its body, put together from its chunks.
    pub(super) body: Vec<u8>,
    /// Whether the stream has it in pieces, so that a search of the stream alone could miss something.
    pub(super) chunked: bool,
}

/// All messages of a stream, up to what was cut off.
pub(super) fn messages(mut stream: &[u8]) -> Vec<Message> {
    let mut found = Vec::new();
    while let Some(end) = find(stream, b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&stream[..end]).into_owned();
        stream = &stream[end + 4..];
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let field = |name: &str| {
            let mut fields = head.split("\r\n").skip(1).filter_map(|field| field.split_once(':'));
            fields
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
        };
        let heads = head.split("\r\n").skip(1).filter_map(|field| field.split_once(':'));
        let heads = heads.map(|(name, _)| name.to_ascii_lowercase()).collect();
        let chunked = field("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let length: usize = field("content-length")
            .and_then(|value| value.parse().ok())
            .unwrap_or(0);
        let body = if chunked {
            dechunked(&mut stream)
        } else {
            let (body, rest) = stream.split_at(length.min(stream.len()));
            stream = rest;
            body.to_vec()
        };
        found.push(Message {
            line,
            heads,
            body,
            chunked,
        });
    }
    found
}

fn dechunked(stream: &mut &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = find(stream, b"\r\n") {
        let size = String::from_utf8_lossy(&stream[..end]);
        let size = size.split(';').next().unwrap_or_default().trim();
        let Ok(size) = usize::from_str_radix(size, 16) else {
            break;
        };
        let from = (end + 2).min(stream.len());
        let to = (from + size).min(stream.len());
        body.extend_from_slice(&stream[from..to]);
        *stream = &stream[(to + 2).min(stream.len())..];
        if size == 0 {
            break;
        }
    }
    body
}

pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
