//! Reads server-sent events (WHATWG HTML, 9.2.6): pieces of a stream in, the data of whole events out.

/// The most bytes of one event, whatever it is made of. Ours are a few hundred.
const LIMIT: usize = 64 << 10;

/// What is known of a stream so far.
#[derive(Default)]
pub(super) struct Events {
    /// The line under way.
    line: Vec<u8>,
    /// The data lines of the event under way, each followed by a line feed.
    data: String,
    /// The last byte was a carriage return: a line feed right after it ends the same line.
    returned: bool,
}

/// An event was too long, or not text.
#[derive(Debug)]
pub(super) struct NotEvents;

impl Events {
    /// Takes the next piece; gives the events that it completes.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Result<Vec<String>, NotEvents> {
        let mut whole = Vec::new();
        for byte in piece {
            let second_half = std::mem::replace(&mut self.returned, *byte == b'\r') && *byte == b'\n';
            match byte {
                b'\n' if second_half => {}
                b'\n' | b'\r' => whole.extend(self.end_line()?),
                byte if self.line.len() + self.data.len() < LIMIT => self.line.push(*byte),
                _ => return Err(NotEvents),
            }
        }
        Ok(whole)
    }

    /// An empty line ends an event; only its data counts here: names, ids and comments are passed over.
    fn end_line(&mut self) -> Result<Option<String>, NotEvents> {
        let line = String::from_utf8(std::mem::take(&mut self.line)).map_err(|_| NotEvents)?;
        if line.is_empty() {
            let mut data = std::mem::take(&mut self.data);
            return Ok(data.pop().map(|_| data));
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        if field.trim_start_matches('\u{feff}') == "data" {
            self.data.push_str(value.strip_prefix(' ').unwrap_or(value));
            self.data.push('\n');
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stream: &[u8], size: usize) -> Vec<String> {
        let mut events = Events::default();
        stream
            .chunks(size)
            .flat_map(|piece| events.feed(piece).unwrap())
            .collect()
    }

    #[test]
    fn events_come_out_whole_however_they_are_cut() {
        let stream = "\u{feff}data: one\n\n: keep-alive\n\nevent: x\r\ndata:two\r\ndata:  three\r\n\r\nid: 1\r\rdata\n\ndata: ä\r\r"
            .as_bytes();
        for size in 1..=stream.len() {
            assert_eq!(read(stream, size), ["one", "two\n three", "", "ä"], "{size}");
        }
    }

    #[test]
    fn what_is_not_finished_does_not_count() {
        assert!(read(b"data: one\n", 3).is_empty());
    }

    #[test]
    fn endless_events_and_other_bytes_are_refused() {
        let mut events = Events::default();
        assert!(events.feed(&vec![b'a'; LIMIT]).is_ok());
        assert!(events.feed(b"a").is_err());
        let mut events = Events::default();
        let lines = b"data: 1234567890\n".repeat(LIMIT / 11 + 1);
        assert!(events.feed(&lines).is_err());
        assert!(Events::default().feed(b"data: \xff\n\n").is_err());
    }
}
