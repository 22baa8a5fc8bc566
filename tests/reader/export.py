"""docs/spec/export.md: secrets in a file of their own."""

import cbor
import crypto
import items
from cbor import blob, fields, many, message, one_of, row, text, time
from errors import Refused, need

FILE = fields({1: one_of("holdfast-export"), 2: one_of(1), 3: blob, 4: many(blob)})
SECRET = fields({1: one_of(*range(1, 10)), 2: text, 3: text, 4: many(text), 5: many(row(text, text)), 6: items.audience}, {7: time})
CONTENT = fields({1: time, 2: many(SECRET)})
PART = 4 << 20


def read(data, passphrase):
    """When it was written, and the secrets in it."""
    try:
        file = message(FILE, data, 64 << 20)
        boxes = file[4]
        need(crypto.read_record(file[3])[1] != crypto.WITH_SECOND, "unreadable")
        need(boxes and sum(map(len, boxes)) <= 64 << 20, "unreadable")
        key = crypto.Root.derive(passphrase, file[3]).key("export")
        parts = [crypto.open_box(key, crypto.context("export", file[3], i, len(boxes)), box) for i, box in enumerate(boxes)]
        need(None not in parts, "passphrase-wrong")
        need(all(len(part) == PART for part in parts[:-1]) and 0 < len(parts[-1]) <= PART, "unreadable")
        return message(CONTENT, b"".join(parts))
    except cbor.Malformed as error:
        raise Refused("unreadable", str(error)) from None
