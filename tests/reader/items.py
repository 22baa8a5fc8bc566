"""docs/spec/items.md: what people put into a space, and what replay checks about it."""

import unicodedata

from cbor import fields, hash32, id16, key32, many, one_of, row, size, tagged, text, time, uint, u32
from errors import need

role = one_of(0, 1, 2)
manifest_ref = fields({1: id16, 2: uint, 3: uint, 4: hash32, 5: key32})
audience = fields({1: text, 2: text, 3: text})
pairs = many(row(text, text))
content = tagged(
    _1=fields({1: manifest_ref, 2: uint, 3: uint, 4: many(id16)}),
    _2=fields({1: pairs, 2: audience}),
    _3=fields({1: text}),
    _16=fields({1: fields({1: id16, 2: text, 3: uint, 4: hash32, 5: hash32, 6: one_of(0, 1, 2), 7: time})}),
    _17=fields({1: fields({1: size(32), 2: uint, 3: hash32, 4: uint, 5: time})}),
    _18=fields({1: id16, 2: text, 3: size(32), 4: role, 5: text, 6: time}),
    _19=fields({1: text}, {2: u32}),
)
version = fields({1: id16, 2: id16, 3: time, 4: text, 5: content})
item = fields(
    {1: id16, 2: one_of(1, 2, 3, 5, 6, 7, 16, 17, 18, 19), 3: text, 4: text, 5: many(text), 6: time, 9: many(version)},
    {7: time, 8: key32, 10: one_of(*range(1, 10)), 11: time},
)
FILES, SECRET, NOTE = (1, 2, 3, 5), 6, 7
PERSON_PIN, SPACE_PIN = 16, 17
CONTENT_OF = {**{kind: 1 for kind in FILES}, SECRET: 2, NOTE: 3, 16: 16, 17: 17, 18: 18, 19: 19}


def good_name(name):
    return 1 <= len(name.encode("utf-8")) <= 1024 and not any(unicodedata.category(c) == "Cc" for c in name)


def check_put(space, entry, new):
    """An item in the body of a commit: `space` is the state right after the entry's clear part."""
    known = space.items.get(new[1])
    need(new[1] not in space.purged, "log-item-gone")
    kind = new[2]
    belongs = kind in ((SECRET, NOTE, 16, 17, 18, 19) if space.vault else FILES + (SECRET, NOTE))
    need(belongs, "log-item-kind")
    need(kind != SECRET or space.encrypted, "log-secret-in-standard")
    need((8 in new) == (kind in FILES) and (10 in new) == (kind == SECRET) and new[9], "log-item-kind")
    if known:
        need(all(known.get(n) == new.get(n) for n in (2, 6, 8, 10)), "log-item-immutable")
    ids = [each[1] for each in new[9]]
    need(len(set(ids)) == len(ids), "log-item-immutable")
    before = {each[1]: (at, each) for at, each in enumerate(known[9])} if known else {}
    last = -1
    fresh = [each for each in new[9] if each[1] not in before]
    for position, each in enumerate(new[9]):
        if each[1] in before:
            at, same = before[each[1]]
            need(each == same and at > last and position < len(new[9]) - len(fresh), "log-item-immutable")
            last = at
    for each in fresh:
        need(each[2] == entry.author, "log-version-author")
        need(each[5][0] == CONTENT_OF[kind], "log-item-kind")
        if kind in FILES:
            need_packs(space, each[5][1])
    kept = set(ids)
    gone = [at for each, (at, _) in before.items() if each not in kept]
    if gone and entry.role != 2:
        oldest = sorted(gone) == list(range(len(gone)))
        need(kind == SECRET and oldest and len(ids) >= 20, "log-purge-denied")
    need(good_name(new[3]), "log-name")


def need_packs(space, files):
    packs = files[4]
    need(files[1][1] in packs and all(pack in space.packs for pack in packs), "log-version-packs")
