"""Reads what somebody has at a Holdfast server: `python tests/reader --help`."""

import argparse
import json
import os
import pathlib
import sys

import crypto
import files
import items
from errors import Refused, need
from wire import Account


def only(found, name):
    need(found, "not-found", name)
    need(len(found) == 1, "ambiguous", name)
    return found[0]


def item_of(space, kinds, name):
    return only([i for i in space.items.values() if i[2] in kinds and 7 not in i and name in (i[3], i[1].hex())], name)


def main():
    parser = argparse.ArgumentParser(prog="reader", description=__doc__)
    for option in ("server", "handle", "master-key-file"):
        parser.add_argument(f"--{option}", required=True)
    parser.add_argument("--second-secret-file")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("projects", help="names, members and items of all projects")
    download = verbs.add_parser("download", help="writes the newest version of an item of files")
    download.add_argument("item", help="PROJECT/ITEM, names or ids")
    download.add_argument("to", help="a folder that is not there yet")
    secret = verbs.add_parser("secret", help="shows a secret: PROJECT/NAME, or NAME in the vault")
    secret.add_argument("item")
    args = parser.parse_args()

    second = args.second_secret_file and crypto.read_second(pathlib.Path(args.second_secret_file).read_text("utf-8"))
    account = Account(args.server, args.handle, crypto.phrase_from_file(pathlib.Path(args.master_key_file).read_bytes()), second)
    if args.verb == "projects":
        return [{"id": s.id.hex(), "name": s.name, "seq": s.seq, "encrypted": s.encrypted, "members": len(s.members),
                 "items": sorted(i[3] for i in s.items.values())} for s in account.projects()]
    project, _, name = args.item.rpartition("/")
    space = account.vault
    if project:
        # Only the one that is asked for: another one that is damaged is no reason to refuse this one.
        try:
            space = account.space(bytes.fromhex(project))
        except ValueError:
            space = only([s for s in account.projects() if s.name == project], project)
    if args.verb == "secret":
        item = item_of(space, (items.SECRET,), name)
        return {"name": item[3], "fields": dict(item[9][-1][5][1][1])}
    item = item_of(space, items.FILES, name)
    version = files.Version(space.id, item[1], item[9][-1], account.windows(space))
    left_out = version.write(args.to)
    return {"files": version.files[2], "bytes": version.files[3], "left_out": [os.fsdecode(p) for p in left_out]}


if __name__ == "__main__":
    try:
        print(json.dumps(main(), ensure_ascii=True))
    except Refused as error:
        print(json.dumps({"code": error.code, "message": str(error)}))
        sys.exit(1)
