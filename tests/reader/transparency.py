"""docs/spec/transparency.md: the log of all bundles, heads of it, and proofs."""

import base64

import cbor
import crypto
from cbor import fields, hash32, key32, size, uint
from crypto import sha256
from errors import need

HEAD = fields({1: uint, 2: hash32, 3: key32, 4: size(64)})
EMPTY = sha256()


def leaf(bundle):
    """The leaf of a bundle, by the hash that the tree has of it."""
    handle = sha256(crypto.label("handle"), bundle.principal, bundle.handle.encode("utf-8"))
    return leaf_hash(cbor.encode({1: 1, 2: bundle.principal, 3: handle, 4: bundle.counter, 5: bundle.hash}))


def leaf_hash(data):
    return sha256(b"\0", data)


def _node(left, right):
    return sha256(b"\1", left, right)


def _climb(at, last, path):
    """RFC 9162, 2.1.3.2 and 2.1.4.2: for each step of a proof, whether what it names is on the left; `None` when it is too long."""
    for _ in path:
        if last == 0:
            yield None
            return
        if at % 2 or at == last:
            yield True
            while at % 2 == 0 and at:
                at, last = at >> 1, last >> 1
        else:
            yield False
        at, last = at >> 1, last >> 1
    if last:
        yield None


def included(leaf_, number, size_, root, path):
    if number >= size_:
        return False
    h, sides = leaf_, list(_climb(number, size_ - 1, path))
    if None in sides:
        return False
    for left, step in zip(sides, path):
        h = _node(step, h) if left else _node(h, step)
    return h == root


def continues(earlier, now, path):
    """Whether the tree `now` begins with `earlier`; both are (size, root)."""
    (first, first_root), (size_, root) = earlier, now
    if first > size_:
        return False
    if first in (0, size_):
        return not path and first_root == (EMPTY if first == 0 else root)
    if first & (first - 1) == 0:
        path = [first_root, *path]
    if not path:
        return False
    at, last = first - 1, size_ - 1
    while at % 2:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    sides = list(_climb(at, last, path[1:]))
    if None in sides:
        return False
    for left, step in zip(sides, path[1:]):
        if left:
            old, new = _node(step, old), _node(step, new)
        else:
            new = _node(new, step)
    return (old, new) == (first_root, root)


def origin(key):
    return "holdfast-directory/" + sha256(key)[:16].hex()


def _note(size_, root, key):
    return f"{origin(key)}\n{size_}\n{base64.b64encode(root).decode('ascii')}\n"


def head_holds(head):
    """Whether a head is one of the log that it names."""
    return crypto.verifies_note(head[3], head[4], _note(head[1], head[2], head[3]).encode("ascii"))


def read_checkpoint(text, key):
    """The head in a checkpoint of the log with this key; `None` if there is none."""
    note, empty, lines = text.partition("\n\n")
    parts = note.split("\n")
    if len(text.encode("utf-8")) > 16 << 10 or not empty or not lines.endswith("\n") or len(parts) != 3:
        return None
    name = origin(key)
    key_id = sha256(name.encode("ascii"), b"\n\1", key)[:4]
    try:
        head = {1: int(parts[1]), 2: base64.b64decode(parts[2], validate=True), 3: key}
        for line in lines[:-1].split("\n"):
            dash, by, data = line.split(" ")
            data = base64.b64decode(data, validate=True)
            if (dash, by, data[:4]) == ("\u2014", name, key_id):
                head[4] = data[4:]
                HEAD(head)
                return head if _note(head[1], head[2], key) == note + "\n" and head_holds(head) else None
    except (ValueError, cbor.Malformed):
        pass
    return None


def verifier_key(name, kind, key):
    """A key as it is told: C2SP signed-note."""
    data = bytes([kind]) + key
    key_id = sha256(name.encode(), b"\n", data)[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(data).decode('ascii')}"


def read_verifier_key(text, kind):
    """Name and key; `None` for what is not spelled as it must be."""
    try:
        name, _, data = text.split("+", 2)
        key = base64.b64decode(data, validate=True)[1:]
    except ValueError:
        return None
    return (name, key) if len(key) == 32 and verifier_key(name, kind, key) == text else None


WITNESS, LOG = 4, 1


def cosigned_at(checkpoint, head, witness):
    """When a witness (name and key) last co-signed the head in a checkpoint, in seconds; `None` if never."""
    name, key = witness
    key_id, best = sha256(name.encode(), b"\n\4", key)[:4], None
    for line in checkpoint.partition("\n\n")[2].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[:2] != ["\u2014", name]:
            continue
        try:
            data = base64.b64decode(parts[2], validate=True)
        except ValueError:
            continue
        time = int.from_bytes(data[4:12], "big")
        message = f"cosignature/v1\ntime {time}\n{_note(head[1], head[2], head[3])}".encode("ascii")
        if len(data) == 76 and data[:4] == key_id and time < 1 << 63 and crypto.verifies_note(key, data[12:], message):
            best = max(best or 0, time)
    return best


def read_add_checkpoint(text):
    """The request to a witness: the size it saw last, the proof from there, the checkpoint."""
    first, _, checkpoint = text.partition("\n\n")
    old, *proof = first.split("\n")
    return int(old.removeprefix("old ")), [base64.b64decode(line, validate=True) for line in proof], checkpoint


class Log:
    """The log of keys as somebody sees it who asks a server for proofs. Keeps nothing: the first head it meets counts."""

    def __init__(self, ask):
        self.ask, self.head = ask, None

    def holds(self, chain):
        """Requires that all bundles of a chain are in the log, and that it goes on from what was seen before."""
        leaves, seen = [leaf(bundle) for bundle in chain], self.head
        answer = self.ask("POST", "/v1/directory/proof",
                          {"leaves": [h.hex() for h in leaves], "sizes": [seen[1]] if seen else []})
        key = bytes.fromhex(answer["key"])
        need(not seen or seen[3] == key, "directory-fork", "another key")
        head = read_checkpoint(answer["checkpoint"], key)
        need(head, "directory-fork", "no head of this log")
        now, paths = (head[1], head[2]), answer["consistency"]
        need(len(paths) == (1 if seen else 0) and len(answer["inclusion"]) == len(leaves), "damaged", "proofs")
        if seen:
            need(head[1] >= seen[1], "directory-rollback")
            need(paths[0] is not None and continues((seen[1], seen[2]), now, _hashes(paths[0])), "directory-fork")
        for leaf_, found in zip(leaves, answer["inclusion"]):
            need(found and included(leaf_, found["number"], *now, _hashes(found["path"])), "directory-unlogged")
        self.head = head

    def shows(self, head):
        """Requires that a head that somebody else saw is one of this log."""
        if (head[1], head[2], head[3]) == (self.head[1], self.head[2], self.head[3]):
            return
        need(head[3] == self.head[3], "directory-fork", "another key was shown to a member")
        answer = self.ask("POST", "/v1/directory/proof", {"leaves": [], "sizes": [head[1]]})
        now = read_checkpoint(answer["checkpoint"], self.head[3])
        need(now, "directory-fork", "no head of this log")
        need(head[1] <= now[1], "directory-rollback", "a member saw more")
        path = answer["consistency"][0]
        need(path is not None and continues((head[1], head[2]), (now[1], now[2]), _hashes(path)), "directory-fork",
             "a member saw another log")


def _hashes(texts):
    return [bytes.fromhex(text) for text in texts]
