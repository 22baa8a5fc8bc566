//! Deterministic CBOR (RFC 8949 section 4.2) by decoding, encoding again and comparing.
//!
//! Every message of Holdfast has exactly one encoding. Instead of a second, stricter parser, [`decode`] reads a value
//! with the ordinary decoder, writes it back and compares: long integers, indefinite lengths, unsorted or repeated
//! keys, unknown fields and trailing bytes all come out different and are refused in one place.

use minicbor::encode::Write;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

/// The bytes are not the one encoding of a value of the expected type, or are larger than its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the deterministic encoding of the expected message")]
pub struct Malformed;

/// Counts bytes instead of keeping them, so that the real buffer is allocated once: a buffer that grows would leave
/// unwiped copies of the secrets in a message behind.
struct Count(usize);

impl Write for Count {
    type Error = std::convert::Infallible;
    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0 += bytes.len();
        Ok(())
    }
}

/// Encodes a message.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(encoded_len(value));
    minicbor::encode(value, &mut bytes).expect("writing CBOR to memory has no way to fail");
    bytes
}

/// The length of a message's encoding, without making it.
pub fn encoded_len<T: Encode<()>>(value: &T) -> usize {
    let mut count = Count(0);
    minicbor::encode(value, &mut count).expect("counting bytes has no way to fail");
    count.0
}

/// Decodes a message of at most `limit` bytes that is in its one deterministic form.
///
/// # Errors
/// [`Malformed`], whatever was wrong.
pub fn decode<T>(bytes: &[u8], limit: usize) -> Result<T, Malformed>
where
    T: Encode<()> + for<'b> Decode<'b, ()>,
{
    if bytes.len() > limit {
        return Err(Malformed);
    }
    let value: T = minicbor::decode(bytes).map_err(|_| Malformed)?;
    if Zeroizing::new(encode(&value)).as_slice() == bytes {
        Ok(value)
    } else {
        Err(Malformed)
    }
}

/// Reads one message from the front of a CBOR sequence (RFC 8742) and says how many bytes it took.
///
/// # Errors
/// [`Malformed`] when the next item is not in deterministic form or is cut short.
pub fn decode_next<T>(bytes: &[u8]) -> Result<(T, usize), Malformed>
where
    T: Encode<()> + for<'b> Decode<'b, ()>,
{
    let mut decoder = minicbor::Decoder::new(bytes);
    let value: T = decoder.decode().map_err(|_| Malformed)?;
    let used = decoder.position();
    if bytes.get(..used) == Some(Zeroizing::new(encode(&value)).as_slice()) {
        Ok((value, used))
    } else {
        Err(Malformed)
    }
}
