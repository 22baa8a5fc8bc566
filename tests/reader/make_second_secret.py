"""Writes the vectors of second secrets: made here from docs/spec/keys.md alone, for the program to be held against. Never over a file."""

import json

import cbor
import crypto
from test_vectors import CRATES, derived

CASES = [
    # What it is, the phrase, the second secret, log2 of N, the salt.
    ("a phrase as short as it may be", "vermilion tacos at 6 am", bytes(range(16)), 17, b"\x11" * 32),
    ("no bits", "granola unpaid debit skimmer jawline truffle bulge eel", bytes(16), 17, b"\x22" * 32),
    ("all bits, and a phrase that normalizes", "caf\u00e9 \u1e69", b"\xff" * 16, 18, crypto.sha256(b"salt")),
]


def case(name, phrase, second, log2_n, salt):
    record = cbor.encode({1: crypto.WITH_SECOND, 2: 1 << log2_n, 3: 8, 4: 1, 5: salt})
    root = crypto.Root.derive(crypto.phrase(phrase), record, second)
    return {"name": name, "phrase": phrase, "second": second.hex(), "text": crypto.second_text(second), "log2_n": log2_n,
            "salt": salt.hex(), "derived": derived(root, record, True)}


if __name__ == "__main__":
    text = json.dumps([case(*one) for one in CASES], indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    with open(CRATES / "crypto" / "tests" / "vectors" / "second-secret.json", "x", encoding="utf-8") as file:
        file.write(text)
