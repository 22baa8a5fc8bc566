"""Deterministic CBOR (RFC 8949, 4.2.1) and shapes of messages: exactly one encoding of each, nothing unknown in it."""

from errors import Refused


class Malformed(Refused):
    def __init__(self, why="not in its one encoding"):
        super().__init__("malformed", why)


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n > len(self.data) - self.at:
            raise Malformed("cut off")
        self.at += n
        return self.data[self.at - n:self.at]

    def head(self):
        first = self.take(1)[0]
        major, low = first >> 5, first & 31
        if low < 24:
            return major, low, low
        if low > 27:
            raise Malformed("indefinite or reserved length")
        size = 1 << (low - 24)
        value = int.from_bytes(self.take(size), "big")
        if major != 7 and value < (24 if size == 1 else 1 << (4 * size)):
            raise Malformed("a longer integer than needed")
        return major, low, value

    def item(self, depth=0):
        if depth > 16:
            raise Malformed("too deep")
        major, low, value = self.head()
        if major == 0:
            return value
        if major == 1:
            return -1 - value
        if major == 2:
            return self.take(value)
        if major == 3:
            try:
                return self.take(value).decode("utf-8")
            except UnicodeDecodeError:
                raise Malformed("text that is not UTF-8") from None
        if major == 4:
            return [self.item(depth + 1) for _ in self._count(value)]
        if major == 5:
            out, last = {}, None
            for _ in self._count(value):
                start = self.at
                key = self.item(depth + 1)
                encoded = self.data[start:self.at]
                if not isinstance(key, (int, str, bytes)) or (last is not None and encoded <= last):
                    raise Malformed("keys out of order")
                out[key], last = self.item(depth + 1), encoded
            return out
        if major == 7 and low in (20, 21):
            return low == 21
        raise Malformed("a kind of value that no message has")

    def _count(self, n):
        if n > len(self.data) - self.at:
            raise Malformed("more elements than bytes")
        return range(n)


def decode(data):
    """The one value that `data` encodes."""
    value, end = decode_next(data, 0)
    if end != len(data):
        raise Malformed("bytes after the end")
    return value


def decode_next(data, at):
    """A value of a CBOR sequence, and where the next one begins."""
    reader = _Reader(data)
    reader.at = at
    return reader.item(), reader.at


def _head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    for low, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 1 << (8 * size):
            return bytes([major << 5 | low]) + value.to_bytes(size, "big")
    raise ValueError("too large for CBOR")


def encode(value):
    if value is True or value is False:
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        data = value.encode("utf-8")
        return _head(3, len(data)) + data
    if isinstance(value, (list, tuple)):
        return _head(4, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        pairs = sorted((encode(k), encode(v)) for k, v in value.items())
        return _head(5, len(pairs)) + b"".join(k + v for k, v in pairs)
    raise TypeError(type(value))


# Shapes, written as the CDDL of the pages is. A shape is a function that refuses what does not fit it.

def _need(good):
    if not good:
        raise Malformed("not of its form")


def uint(value, bits=64):
    _need(type(value) is int and 0 <= value < 1 << bits)


def u32(value):
    uint(value, 32)


def int_(value):
    _need(type(value) is int)


def text(value):
    _need(type(value) is str)


def blob(value):
    _need(type(value) is bytes)


def boolean(value):
    _need(type(value) is bool)


def size(n):
    return lambda value: _need(type(value) is bytes and len(value) == n)


def one_of(*values):
    return lambda value: _need(type(value) in (int, str) and value in values)


def many(shape):
    """Emptiness has rules of its own (README of the pages)."""
    def check(value):
        _need(type(value) is list)
        for each in value:
            shape(each)
    return check


def row(*shapes, optional=0):
    """An array of these; the last `optional` ones may be absent."""
    def check(value):
        _need(type(value) is list and len(shapes) - optional <= len(value) <= len(shapes))
        for shape, each in zip(shapes, value):
            shape(each)
    return check


def fields(required, optional=None):
    """A map with exactly these keys."""
    optional = optional or {}

    def check(value):
        _need(type(value) is dict and required.keys() <= value.keys() <= required.keys() | optional.keys())
        for key, each in value.items():
            (required.get(key) or optional[key])(each)
    return check


def tagged(**shapes):
    """`[number, {...}]`, the shape chosen by the number: `tagged(_1=..., _2=...)`."""
    by_number = {int(name[1:]): shape for name, shape in shapes.items()}

    def check(value):
        _need(type(value) is list and len(value) == 2 and type(value[0]) is int and value[0] in by_number)
        by_number[value[0]](value[1])
    return check


hash32 = key32 = chunk_id = space_id = size(32)
id16 = size(16)
time = uint


def message(shape, data, at_most=None):
    """Decodes a message and holds it against its shape."""
    if at_most is not None and len(data) > at_most:
        raise Malformed("larger than its limit")
    value = decode(data)
    shape(value)
    return value
