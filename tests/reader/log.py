"""docs/spec/log.md and nodes.md: a space's entries, who may do what, epochs, bodies. `replay` is the whole of it."""

import cbor
import crypto
import items
from cbor import blob, boolean, fields, hash32, id16, key32, many, message, one_of, row, size, space_id, tagged, text, time, u32, uint
from crypto import sha256
from errors import Refused, need
from items import role
from transparency import HEAD, head_holds

READER, CONTRIBUTOR, OWNER = 0, 1, 2
MIB, WINDOW = 1 << 20, 256 << 10

core = fields({1: uint, 2: one_of(0, 1), 3: boolean, 4: id16, 5: hash32, 6: size(32), 7: time}, {8: key32})
wrap = fields({1: id16, 2: hash32, 3: blob})
epoch_start = fields({1: hash32, 2: many(wrap)})
pack_sizes = many(row(id16, uint))
op = tagged(
    _0=fields({1: core}, {2: epoch_start}),
    _1=fields({1: id16, 2: hash32, 3: hash32, 4: role}, {5: wrap}),
    _2=fields({1: id16}, {2: epoch_start}),
    _3=fields({}),
    _4=fields({1: id16, 2: role}),
    _5=fields({}, {1: wrap}),
    _6=fields({1: epoch_start}),
    _7=fields({1: id16, 2: hash32, 3: hash32, 4: one_of(0, 1), 5: time}, {6: wrap}),
    _8=fields({1: id16}, {2: epoch_start}),
    _9=fields({1: pack_sizes, 2: many(id16)}),
    _10=fields({1: id16, 2: id16, 3: hash32, 4: hash32, 6: time, 7: uint}, {5: hash32}),
    _11=fields({1: id16}),
    _13=fields({1: id16, 2: pack_sizes}),
)
GENESIS, ADD, REMOVE, LEAVE, SET_ROLE, REWRAP, ROTATE, AUTHORISE, WITHDRAW_NODE, COMMIT, RUN, WITHDRAW_RUN, _, ADOPT = range(14)
NO_AUTHORITY = (COMMIT, RUN, WITHDRAW_RUN, ADOPT)
ENTRY = fields(
    {1: one_of(1, 2), 2: space_id, 3: uint, 4: hash32, 5: hash32, 6: u32, 7: id16, 8: hash32, 9: time, 10: op}, {11: blob, 12: HEAD})
SIGNED = row(blob, size(64))
ZEROS = bytes(32)
BODY = fields({3: many(items.item), 4: many(id16)}, {1: key32, 2: text, 5: time})


class Entry:
    def __init__(self, signed):
        self.bytes, self.signature = message(SIGNED, signed, MIB)
        own = message(ENTRY, self.bytes)
        if own[1] != (2 if 12 in own else 1):
            raise cbor.Malformed("a format that does not go with a head")
        self.hash, self.shown = sha256(signed), own.get(12)
        self.space, self.seq, self.prev, self.auth, self.epoch, self.author, self.bundle, self.time = (own[n] for n in range(2, 10))
        (self.op, self.says), self.body = own[10], own.get(11)
        self.role = None  # the author's, before the entry

    def names(self):
        """Whose keys it takes to check it."""
        return {self.author} | ({self.says[1]} if self.op in (ADD, AUTHORISE) else set())

    def opener(self):
        """The epoch that it opens, if it does."""
        field = {GENESIS: 2, REMOVE: 2, ROTATE: 1, WITHDRAW_NODE: 2}.get(self.op)
        return self.says.get(field) if field else None

    def wraps(self):
        start = self.opener()
        one = self.says.get({ADD: 5, REWRAP: 1, AUTHORISE: 6}.get(self.op))
        return start[2] if start else [one] if one else []


class Space:
    """The state of a log. `known`: the bundles of everybody whom it names, by hash."""

    def __init__(self, id_, known):
        self.id, self.known = id_, known
        self.seq, self.head, self.auth, self.epoch = -1, ZEROS, ZEROS, 0
        self.vault = self.encrypted = self.open_key = self.trashed = None
        self.name = ""
        self.members, self.former, self.nodes, self.former_nodes = {}, {}, {}, {}
        self.packs, self.named, self.dropped, self.runs = {}, set(), set(), {}
        self.items, self.purged, self.commitments, self.openers = {}, set(), [], []

    def follows(self, later, earlier, strictly):
        """Whether a bundle comes after another one of its chain, or is it."""
        a, b = self.known.get(later), self.known.get(earlier)
        return a and b and a.principal == b.principal and (a.counter > b.counter or (not strictly and a is b))

    # The clear part of an entry: everything that needs no key

    def apply(self, e):
        need(e.space == self.id, "log-wrong-space")
        if self.seq < 0:
            self._genesis(e)
        else:
            need(e.seq == self.seq + 1, "log-sequence")
            need(e.prev == self.head, "log-previous")
            need(e.auth == self.auth, "log-authority-chain")
            me = self.members.get(e.author)
            need(me, "log-author-unknown")
            e.role = me["role"]
            bundle = self.known.get(e.bundle)
            need(bundle, "log-bundle-unknown")
            need(bundle.principal == e.author, "log-author-bundle")
            if e.op == REWRAP:
                need(self.follows(e.bundle, me["bundle"], True), "log-not-a-successor")
            else:
                need(e.bundle == me["bundle"], "log-author-bundle")
            need(crypto.verifies(bundle.verify_key, "entry", e.signature, e.bytes), "log-signature")
            need(not e.shown or head_holds(e.shown), "log-head")
            self._allowed(e)
            has_body = e.op in (COMMIT, ROTATE, RUN, ADOPT) or (e.op in (REMOVE, WITHDRAW_NODE) and 2 in e.says)
            need((e.body is not None) == has_body, "log-body-presence")
            start = e.opener()
            need(e.epoch == self.epoch + (start is not None), "log-epoch")
            OPS[e.op](self, e)
            if start:
                self._open_epoch(e, start)
        self.seq, self.head = e.seq, e.hash
        if e.op not in NO_AUTHORITY:
            self.auth = e.hash

    def _allowed(self, e):
        need(not self.vault or e.op in (REWRAP, ROTATE, COMMIT, GENESIS), "log-vault-alone")
        least = {COMMIT: OWNER if e.says.get(2) and e.op == COMMIT else CONTRIBUTOR, RUN: CONTRIBUTOR, ADOPT: CONTRIBUTOR,
                 LEAVE: READER, REWRAP: READER, WITHDRAW_RUN: READER, GENESIS: READER}.get(e.op, OWNER)
        if e.op == WITHDRAW_RUN and e.says[1] in self.runs and self.runs[e.says[1]]["author"] != e.author:
            least = OWNER
        need(e.role >= least, "log-role-denied")
        need(e.op != GENESIS, "log-genesis")

    def _genesis(self, e):
        need(e.op == GENESIS and (e.seq, e.epoch, e.prev, e.auth) == (0, 0, ZEROS, ZEROS), "log-genesis")
        own = e.says[1]
        need(own[1] == 1 and sha256(crypto.label("space"), cbor.encode(own)) == self.id and own[4] == e.author, "log-genesis-core")
        bundle = self.known.get(e.bundle)
        need(bundle, "log-bundle-unknown")
        need((bundle.principal, bundle.fingerprint) == (e.author, own[5]), "log-genesis-core")
        need(crypto.verifies(bundle.verify_key, "entry", e.signature, e.bytes), "log-signature")
        need(not e.shown or head_holds(e.shown), "log-head")
        need(bundle.kind == 0, "log-not-a-person")
        self.vault, self.encrypted, self.open_key = own[2] == 0, own[3], own.get(8)
        need((2 in e.says) == self.encrypted == (8 not in own) and (self.encrypted or not self.vault), "log-epoch-material")
        need(e.body is not None, "log-body-presence")
        e.role = OWNER
        self.members[e.author] = {"bundle": e.bundle, "role": OWNER}
        if self.encrypted:
            self._wraps_are(e, e.says[2][2])
            self.commitments, self.openers = [e.says[2][1]], [e]

    def _wraps_are(self, e, wraps):
        """Exactly one for everybody who is in, under the bundle that counts."""
        want = {who: m["bundle"] for who, m in self.members.items()}
        want |= {who: n["bundle"] for who, n in self.nodes.items() if n["scope"] == 1 and n["until"] > e.time}
        got = {w[1]: w[2] for w in wraps}
        need(got == want and len(wraps) == len(want), "log-wraps")

    def _open_epoch(self, e, start):
        self._wraps_are(e, start[2])
        self.epoch += 1
        self.commitments.append(start[1])
        self.openers.append(e)

    def _last_owner(self, who):
        others = [w for w, m in self.members.items() if m["role"] == OWNER and w != who]
        need(self.members[who]["role"] != OWNER or others, "log-last-owner")

    def _one_wrap(self, e, field, who, bundle, wanted):
        need((field in e.says) == wanted, "log-epoch-material")
        if wanted:
            need((e.says[field][1], e.says[field][2]) == (who, bundle), "log-wraps")

    def _crowd(self):
        whole = sum(n["scope"] == 1 for n in self.nodes.values())
        need(len(self.members) + whole <= 900 and len(self.nodes) <= 100, "log-too-many-members")

    def add(self, e):
        who, hash_ = e.says[1], e.says[2]
        need(who not in self.members, "log-member-exists")
        need(len(self.members) + sum(n["scope"] == 1 for n in self.nodes.values()) < 900, "log-too-many-members")
        bundle = self.known.get(hash_)
        need(bundle, "log-bundle-unknown")
        need((bundle.principal, bundle.fingerprint) == (who, e.says[3]), "log-fingerprint")
        need(bundle.kind == 0, "log-not-a-person")
        need(who not in self.former or self.follows(hash_, self.former[who], False), "log-not-a-successor")
        self._one_wrap(e, 5, who, hash_, self.encrypted)
        self.members[who] = {"bundle": hash_, "role": e.says[4]}

    def remove(self, e):
        who = e.says[1]
        need(who != e.author, "log-self-removal")
        need(who in self.members, "log-member-unknown")
        self._last_owner(who)
        need((2 in e.says) == self.encrypted, "log-epoch-material")
        self.former[who] = self.members.pop(who)["bundle"]

    def leave(self, e):
        self._last_owner(e.author)
        self.former[e.author] = self.members.pop(e.author)["bundle"]

    def set_role(self, e):
        need(e.says[1] in self.members, "log-member-unknown")
        if e.says[2] != OWNER:
            self._last_owner(e.says[1])
        self.members[e.says[1]]["role"] = e.says[2]

    def rewrap(self, e):
        self._one_wrap(e, 1, e.author, e.bundle, self.encrypted)
        self.members[e.author]["bundle"] = e.bundle

    def rotate(self, e):
        need(self.encrypted, "log-epoch-material")

    def authorise(self, e):
        who, hash_, print_, scope, until = (e.says[n] for n in range(1, 6))
        bundle = self.known.get(hash_)
        need(bundle, "log-bundle-unknown")
        need((bundle.principal, bundle.fingerprint) == (who, print_), "log-fingerprint")
        need(bundle.kind == 1, "log-not-a-node")
        before = self.nodes.get(who)
        counted = before["bundle"] if before else self.former_nodes.get(who)
        need(counted is None or self.follows(hash_, counted, False), "log-not-a-successor")
        need(until > e.time, "log-node-until")
        self._one_wrap(e, 6, who, hash_, self.encrypted and scope == 1)
        need(not before or before["scope"] <= scope, "log-node-scope")
        self.nodes[who] = {"bundle": hash_, "scope": scope, "until": until, "by": e.author}
        self._crowd()

    def withdraw_node(self, e):
        node = self.nodes.get(e.says[1])
        need(node, "log-node-unknown")
        need((2 in e.says) == (self.encrypted and node["scope"] == 1), "log-epoch-material")
        self.former_nodes[e.says[1]] = self.nodes.pop(e.says[1])["bundle"]

    def _packs(self, added, dropped=()):
        need(len(added) + len(dropped) <= 16384, "log-pack-size")
        for pack, bytes_ in added:
            need(bytes_ % WINDOW == 0 and 1 <= bytes_ // WINDOW <= 320, "log-pack-size")
            need(pack not in self.named, "log-pack-repeated")
            self.named.add(pack)
            self.packs[pack] = bytes_
        need(sum(self.packs.values()) < 1 << 64, "log-pack-size")
        for pack in dropped:
            need(self.packs.pop(pack, None) is not None, "log-pack-unknown")
            self.dropped.add(pack)

    def commit(self, e):
        self._packs(e.says[1], e.says[2])

    def run(self, e):
        run, node = e.says[1], self.nodes.get(e.says[2])
        need(node and node["bundle"] == e.says[3], "log-node-unknown")
        need(node["until"] > e.time, "log-node-until")
        need(run not in self.runs, "log-run-repeated")
        need((5 in e.says) == (node["scope"] == 0), "log-run-capsule")
        need(e.time < e.says[6] <= node["until"], "log-node-until")
        need(1 <= e.says[7] <= 10, "log-run-attempts")
        self.runs[run] = {"author": e.author, "node": e.says[2], "bundle": e.says[3], "spec": e.says[4],
                          "until": e.says[6], "attempts": e.says[7], "over": None}

    def withdraw_run(self, e):
        run = self.runs.get(e.says[1])
        need(run, "log-run-unknown")
        need(run["over"] is None, "log-run-over")
        run["over"] = "withdrawn"

    def adopt(self, e):
        run = self.runs.get(e.says[1])
        need(run, "log-run-unknown")
        need(run["over"] != "adopted", "log-run-over")
        run["over"] = "adopted"
        self._packs(e.says[2])

    # Epoch keys

    def fits(self, key, epoch):
        info = crypto.label("epoch-commit") + self.id + epoch.to_bytes(4, "big")
        return crypto.expand(key, info, 32) == self.commitments[epoch]


OPS = {ADD: Space.add, REMOVE: Space.remove, LEAVE: Space.leave, SET_ROLE: Space.set_role, REWRAP: Space.rewrap,
       ROTATE: Space.rotate, AUTHORISE: Space.authorise, WITHDRAW_NODE: Space.withdraw_node, COMMIT: Space.commit,
       RUN: Space.run, WITHDRAW_RUN: Space.withdraw_run, ADOPT: Space.adopt}


def open_body(e, key, shape=BODY):
    plain = crypto.open_box(key, crypto.context("entry-body", e.space, e.epoch, e.seq, e.prev), e.body)
    need(plain is not None, "log-body-open")
    try:
        return message(shape, plain)
    except cbor.Malformed:
        raise Refused("log-body-open", "not a body") from None


def find_keys(space, entries, me, pairs):
    """Epoch keys by number, from the newest wrap for me backwards."""
    if not space.encrypted:
        return {0: space.open_key}
    mine = [(e, w) for e in entries for w in e.wraps() if w[1] == me]
    if not mine:
        return {}
    e, w = mine[-1]
    pair = pairs.get(w[2])
    key = pair and crypto.unwrap(pair, crypto.context("epoch-wrap", space.id, e.epoch, w[2], e.bundle), w[3])
    need(key and space.fits(key, e.epoch), "log-commitment")
    keys, epoch = {e.epoch: key}, e.epoch
    while epoch:
        previous = open_body(space.openers[epoch], keys[epoch]).get(1)
        need(previous is not None, "log-previous-key")
        epoch -= 1
        need(space.fits(previous, epoch), "log-commitment")
        keys[epoch] = previous
    return keys


def apply_body(space, e, key):
    """What members check who can open it; `space` has the clear part of this entry, and not of later ones."""
    if e.op == RUN:
        return runs.check_ordered(space, e, open_body(e, key, runs.RUN_BODY))
    if e.op == ADOPT:
        return runs.check_adopted(space, e, open_body(e, key, runs.ADOPT_BODY))
    body = open_body(e, key)
    opens = e.op != GENESIS and e.opener() is not None
    need((1 in body) == opens, "log-previous-key")
    if opens:
        need(space.fits(body[1], e.epoch - 1), "log-commitment")
        need(not body[3] and not body[4] and 2 not in body and 5 not in body, "log-body-presence")
        return None
    need(2 not in body or items.good_name(body[2]), "log-name")
    need(5 not in body or e.role == OWNER, "log-purge-denied")
    for new in body[3]:
        items.check_put(space, e, new)
        space.items[new[1]] = new
    for gone in body[4]:
        need(e.role == OWNER, "log-purge-denied")
        need(space.items.pop(gone, None), "log-item-gone")
        space.purged.add(gone)
    space.name = body.get(2, space.name)
    space.trashed = body.get(5, space.trashed)
    return None


def replay(id_, entries, known, me, pairs):
    """The state after all entries. Raises the refusal of the first entry that breaks a rule, in its clear part or its body."""
    refusal, ahead, good = None, Space(id_, known), []
    need(entries, "log-genesis")
    for e in entries:
        try:
            ahead.apply(e)
            good.append(e)
        except Refused as error:
            refusal = error
            break
    keys = find_keys(ahead, good, me, pairs) if good else {}
    space = Space(id_, known)
    for e in good:
        space.apply(e)
        if e.body is not None and (key := keys.get(e.epoch)):
            apply_body(space, e, key)
    if refusal:
        raise refusal
    return space


import runs  # noqa: E402  (it needs the shapes above)
