"""docs/spec/bundles.md: a principal's public keys and their chain."""

import cbor
import crypto
from cbor import blob, fields, hash32, id16, message, one_of, size, text, time, u32
from errors import Refused, need

BUNDLE = fields(
    {1: one_of(1), 2: one_of(0, 1), 3: id16, 4: text, 5: blob, 6: one_of(*crypto.SIZES), 7: u32, 8: blob, 9: size(32), 10: time},
    {11: hash32},
)
SIGNED = fields({1: blob, 2: blob}, {3: blob})
PERSON, NODE = 0, 1


class Bundle:
    def __init__(self, signed):
        outer = message(SIGNED, signed, 16 << 10)
        own = message(BUNDLE, outer[1])
        self.signed, self.hash, self.bytes = signed, crypto.sha256(signed), outer[1]
        self.check, self.succession = outer[2], outer.get(3)
        self.kind, self.principal, self.handle, self.record, self.bits, self.counter = (own[n] for n in range(2, 8))
        self.spki, self.verify_key, self.previous = own[8], own[9], own.get(11)
        self.rsa = crypto.read_spki(self.spki)
        crypto.read_record(self.record)
        good_handle = 1 <= len(self.handle) <= 254 and all("!" <= c <= "~" and not c.isupper() for c in self.handle)
        if (self.rsa.key_size != self.bits or not crypto.point_is_good(self.verify_key)
                or not crypto.is_curve_point(self.verify_key) or not good_handle or (self.succession is None) != (self.previous is None)):
            raise cbor.Malformed("not a bundle")
        self.fingerprint = crypto.sha256(
            crypto.label("fingerprint"), self.principal, len(self.spki).to_bytes(8, "big"), self.spki, self.verify_key)


def verify_chain(signed_bundles):
    """All bundles of a principal, oldest first; refused as malformed, check signature or succession."""
    need(1 <= len(signed_bundles) <= 256, "malformed", "no chain")
    chain = []
    for signed in signed_bundles:
        one, before = Bundle(signed), chain[-1] if chain else None
        need(crypto.rsa_verifies(one.rsa, one.check, crypto.label("sig/bundle") + one.bytes), "bundle-check-signature")
        if before is None:
            good = one.counter == 0 and one.previous is None
        else:
            over = crypto.label("sig/succession") + before.hash + crypto.sha256(one.bytes)
            good = (one.previous == before.hash and one.counter == before.counter + 1
                    and (one.principal, one.kind, one.handle) == (before.principal, before.kind, before.handle)
                    and crypto.rsa_verifies(before.rsa, one.succession, over))
        need(good, "bundle-succession")
        chain.append(one)
    return chain


def continues(chain, counter, hash_):
    """Whether a chain holds a bundle that was seen at its counter."""
    return counter < len(chain) and chain[counter].hash == hash_


def keys_of(chain, newest_root, links):
    """The pair of each bundle, by the bundle's hash: back from the newest through the link boxes (accounts.md)."""
    pairs, root = {}, newest_root
    for index in range(len(chain) - 1, -1, -1):
        bundle = chain[index]
        need(crypto.public_of(root.sign_key()) == bundle.verify_key, "damaged", "a root that is not this bundle's")
        pair = crypto.unlock_pair(root.rsa_seed(bundle.bits), bundle.rsa.public_numbers().n, bundle.bits)
        need(pair is not None and crypto.spki(pair.public_key()) == bundle.spki, "damaged", "no such pair")
        need(crypto.rsa_sign(pair, crypto.label("sig/bundle") + bundle.bytes) == bundle.check, "damaged", "check signature")
        pairs[bundle.hash] = pair
        if index:
            older = chain[index - 1]
            context = crypto.context("link", bundle.principal, older.hash, bundle.hash)
            plain = crypto.open_box(root.key("link"), context, links.get((older.hash, bundle.hash), b""))
            if plain is None or len(plain) != 32:
                raise Refused("damaged", "a link box")
            root = crypto.Root(plain)
    return pairs
