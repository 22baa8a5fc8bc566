"""docs/spec/packs.md: manifest, listing, chunks; writing files."""

import os
import pathlib
import shutil

import cbor
import crypto
from cbor import blob, chunk_id, fields, id16, int_, key32, many, message, one_of, row, size, uint
from errors import Refused, need
from log import MIB, WINDOW

chunk_ref = row(id16, uint, uint, size(32), key32, chunk_id, uint, optional=1)
MANIFEST = fields({1: one_of(1), 2: uint, 3: uint, 4: uint, 5: many(chunk_ref)})
RECORD = fields({1: blob, 2: one_of(0, 1, 2), 3: uint, 4: uint, 5: int_, 7: many(chunk_ref)}, {6: blob})
FILE, FOLDER, LINK = 0, 1, 2
PARTIAL = b".holdfast-partial"


class Version:
    """One version of files. `windows(pack, first, count)` gives whole windows of a pack, as far as the pack goes."""

    def __init__(self, space, item, version, windows):
        self.space, self.item, self.windows, self.cache = space, item, windows, {}
        self.files = version[5][1]
        ref = self.files[1]
        sealed = self.cut(ref[1], ref[2], ref[3])
        need(crypto.sha256(sealed) == ref[4], "damaged", "the manifest")
        plain = crypto.open_box(ref[5], crypto.context("manifest", space, item, version[1]), sealed)
        need(plain is not None, "damaged", "the manifest")
        self.manifest = self.form(MANIFEST, plain)
        self.records = self.listing()

    @staticmethod
    def form(shape, data):
        try:
            return message(shape, data)
        except cbor.Malformed:
            raise Refused("damaged", "not of its form") from None

    def cut(self, pack, offset, length, at_most=16 * MIB):
        need(64 <= length <= at_most and offset + length <= 80 * MIB and pack in self.files[4], "damaged", "a reference")
        first, last = offset // WINDOW, (offset + length - 1) // WINDOW
        missing = [n for n in range(first, last + 1) if (pack, n) not in self.cache]
        if missing:
            if len(self.cache) > 256:
                self.cache.clear()
                missing = range(first, last + 1)
            data = self.windows(pack, missing[0], missing[-1] - missing[0] + 1)
            for n in range(missing[0], missing[-1] + 1):
                self.cache[pack, n] = data[(n - missing[0]) * WINDOW:(n - missing[0] + 1) * WINDOW]
        data = b"".join(self.cache[pack, n] for n in range(first, last + 1))
        box = data[offset - first * WINDOW:][:length]
        need(len(box) == length, "damaged", "a pack that is too short")
        return box

    def chunk(self, ref, at_most=16 * MIB):
        pack, offset, length, tag, key, id_ = ref[:6]
        if len(ref) == 7:
            need(length == (ref[6] // 16 + 1) * 16 + 48, "damaged", "a length that can't be")
        box = self.cut(pack, offset, length, at_most)
        need(box[-32:] == tag, "damaged", "another chunk")
        plain = crypto.open_box(key, crypto.context("chunk", self.space, self.item, id_), box)
        need(plain is not None and (len(ref) == 6 or len(plain) == ref[6]), "damaged", "a chunk")
        return plain

    def listing(self):
        data = b"".join(self.chunk(ref, 65600) for ref in self.manifest[5])
        need(len(data) == self.manifest[4], "damaged", "the listing's length")
        records, at, last = [], 0, None
        while at < len(data):
            try:
                record, end = cbor.decode_next(data, at)
                RECORD(record)
            except cbor.Malformed:
                raise Refused("damaged", "the listing") from None
            at = end
            need(last is None or record[1] > last, "damaged", "the listing's order")
            last = record[1]
            plain = record[2] == FILE
            need((6 in record) == (record[2] == LINK) and (plain or not (record[3] or record[7])), "damaged", "a record")
            need(not plain or (record[3] == 0) == (not record[7]), "damaged", "a record")
            if plain and all(len(ref) == 7 for ref in record[7]):
                need(sum(ref[6] for ref in record[7]) == record[3], "damaged", "a file's length")
            records.append(record)
        files = [r for r in records if r[2] == FILE]
        need((len(files), sum(r[3] for r in files)) == (self.manifest[2], self.manifest[3]) == (self.files[2], self.files[3]),
             "damaged", "number or size of files")
        return records

    def write(self, to):
        """All of it below a new folder; gives the paths that were left out."""
        to = pathlib.Path(to)
        need(not to.exists(), "invalid", f"{to} is there already")
        to.parent.mkdir(parents=True, exist_ok=True)
        partial = to.parent / (to.name + PARTIAL.decode())
        partial.mkdir()
        try:
            left_out = self._write_into(os.fsencode(partial))
            partial.rename(to)
        except BaseException:
            shutil.rmtree(partial)
            raise
        return left_out

    def _write_into(self, top):
        left_out, late, leaves = [], [], {r[1] for r in self.records if r[2] != FOLDER}
        for record in self.records:
            path = record[1]
            if hostile(record, leaves):
                left_out.append(path)
                continue
            at = os.path.join(top, path)
            os.makedirs(os.path.dirname(at), exist_ok=True)
            if record[2] == FOLDER:
                os.makedirs(at, exist_ok=True)
                late.append((at, record))
            elif record[2] == LINK:
                os.symlink(record[6], at)
                os.utime(at, ns=(record[5], record[5]), follow_symlinks=False)
            else:
                written = 0
                with open(at, "xb") as out:
                    for ref in record[7]:
                        written += out.write(self.chunk(ref))
                need(written == record[3], "damaged", "a file's length")
                settle(at, record)
        for at, record in reversed(late):
            settle(at, record)
        return left_out


def settle(at, record):
    os.chmod(at, record[4] & 0o777)
    os.utime(at, ns=(record[5], record[5]))


def hostile(record, leaves):
    parts = record[1].split(b"/")
    if any(p in (b"", b".", b"..") or len(p) > 255 or b"\0" in p for p in parts) or parts[0].lower() == PARTIAL:
        return True
    if any(b"/".join(parts[:n]) in leaves for n in range(1, len(parts))):
        return True
    if record[2] != LINK:
        return False
    target = record[6]
    steps = target.split(b"/")
    climbs = next((n for n, s in enumerate(steps) if s != b".."), len(steps))
    return (not target or target.startswith(b"/") or b"\0" in target or climbs > len(parts) - 1 or b".." in steps[climbs:])
