"""docs/spec/nodes.md: bodies of the entries that order and adopt runs."""

import cbor
import crypto
import items
from cbor import blob, fields, hash32, id16, int_, key32, many, message, one_of, row, size, space_id, text, time, uint
from errors import Refused, need

granted = fields({1: id16, 2: id16, 3: hash32})
SPEC = fields(
    {1: one_of(1), 2: space_id, 3: id16, 4: hash32, 5: granted, 6: text, 7: text, 9: many(row(text, text)),
     10: many(row(text, granted)), 11: many(fields({1: text, 2: id16, 3: id16, 4: many(row(text, text))})),
     12: many(fields({1: text, 2: one_of(2, 5), 3: text, 4: id16, 5: id16})), 13: fields({n: uint for n in range(1, 7)}),
     14: many(text), 15: time, 16: uint},
    {8: text, 17: row(id16, text)},
)
RUN_BODY = fields({1: blob, 2: key32})
ADOPT_BODY = fields({1: blob, 2: many(items.item)})
made = fields({1: text, 2: id16, 3: id16, 4: fields({1: id16, 2: uint, 3: uint, 4: hash32}), 5: uint, 6: uint,
               7: many(row(id16, uint))})
RESULT = fields(
    {1: one_of(1), 2: space_id, 3: id16, 4: uint, 5: hash32, 6: many(hash32), 7: many(made), 8: many(row(text, uint, hash32)),
     9: one_of(0, 1, 2, 3, 4), 11: time, 12: time, 13: text},
    {10: int_},
)


def unique(values):
    values = list(values)
    return len(set(values)) == len(values)


def check_ordered(space, e, body):
    run = space.runs[e.says[1]]
    try:
        spec = message(SPEC, body[1], 256 << 10)
    except cbor.Malformed:
        raise Refused("log-run-spec") from None
    node = space.known[run["bundle"]]
    names = ([p[0] for p in spec[9]], [i[0] for i in spec[10]], [s[1] for s in spec[11]], [o[1] for o in spec[12]])
    kinds = {}
    one_kind = all(kinds.setdefault(o[4], o[2]) == o[2] for o in spec[12])
    need(crypto.sha256(body[1]) == run["spec"]
         and (spec[2], spec[3], spec[4], spec[15], spec[16]) == (space.id, e.says[1], node.fingerprint, run["until"], run["attempts"])
         and all(map(unique, names)) and unique(o[5] for o in spec[12]) and one_kind, "log-run-spec")
    run["says"], run["key"] = spec, body[2]


def check_adopted(space, e, body):
    run = space.runs[e.says[1]]
    if "says" not in run:
        return  # ordered under a key that this reader does not have
    spec, node = run["says"], space.known[run["bundle"]]
    try:
        result_bytes, signature = message(row(blob, size(64)), body[1], 512 << 10)
        result = message(RESULT, result_bytes)
    except cbor.Malformed:
        raise Refused("log-result") from None
    good = crypto.verifies(node.verify_key, "result", signature, result_bytes)
    good &= (result[2], result[3], result[5]) == (space.id, e.says[1], run["spec"]) and 1 <= result[4] <= run["attempts"]
    good &= result[6] == [i[1][3] for i in spec[10]]
    outputs = [(o[1], o[4], o[5]) for o in spec[12]] if result[9] == 0 else []
    good &= [(m[1], m[2], m[3]) for m in result[7]] == outputs
    good &= all(m[4][1] in [p[0] for p in m[7]] for m in result[7])
    good &= len(result[13].encode()) <= 1024 and unique(s[0] for s in result[8]) and all(s[0] in ("log", "metrics") for s in result[8])
    need(good, "log-result")
    sizes = {p[0]: p[1] for m in result[7] for p in m[7]}
    need(all(sizes.get(pack) == bytes_ for pack, bytes_ in e.says[2]), "log-result")

    placed = {}
    for made_, output in zip(result[7], spec[12]):
        known = space.items.get(made_[2])
        there = known and any(v[1] == made_[3] for v in known[9])
        if made_[2] not in space.purged and not (known and known[2] != output[2]) and not there \
                and not any(p[0] in space.dropped for p in made_[7]):
            placed[(made_[2], made_[3])] = (made_, output)
    seen = set()
    need(unique(i[1] for i in body[2]), "log-result")
    for new in body[2]:
        known = space.items.get(new[1])
        old = known[9] if known else []
        fresh = new[9][len(old):]
        need(new[9][:len(old)] == old and fresh, "log-result")
        if known:
            need({k: v for k, v in new.items() if k != 9} == {k: v for k, v in known.items() if k != 9}, "log-result")
        else:
            need(7 not in new and 11 not in new, "log-result")
        for version in fresh:
            made_, output = placed.get((new[1], version[1]), (None, None))
            need(made_ and new[2] == output[2] and version[5][0] == 1, "log-result")
            files, key = version[5][1], crypto.expand(run["key"], crypto.label("run-output") + version[1], 32)
            at = files[1]
            need((at[1], at[2], at[3], at[4], at[5]) == (made_[4][1], made_[4][2], made_[4][3], made_[4][4], key)
                 and (files[2], files[3], files[4]) == (made_[5], made_[6], [p[0] for p in made_[7]]), "log-result")
            seen.add((new[1], version[1]))
    need(seen == placed.keys(), "log-result")
    for new in body[2]:
        items.check_put(space, e, new)
        space.items[new[1]] = new
