"""docs/spec/wire.md and accounts.md: asking a server, and signing in on a device that knows nothing yet."""

import base64
import http.client
import json
import time
import urllib.parse

import bundles
import cbor
import crypto
import items
import log
import transparency
from errors import Refused, need


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Server:
    def __init__(self, origin):
        self.origin, self.token = origin, None
        url = urllib.parse.urlsplit(origin)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        self.connection = kind(url.hostname, url.port, timeout=60)

    def ask(self, method, path, body=None, headers=None, raw=False):
        headers = dict(headers or {})
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Refused("unreachable", str(error)) from None
        if answer.status >= 300:
            try:
                code = json.loads(data)["code"]
            except ValueError:
                code = "internal"
            raise Refused(code, f"{method} {path}: {answer.status}")
        return data if raw else json.loads(data) if data else None


class Account:
    """Somebody who signed in: keys, the vault and what is pinned in it."""

    def __init__(self, origin, handle, phrase, second=None):
        self.server = Server(origin)
        begun = self.server.ask("POST", "/v1/signin/start", {"handle": handle})
        record, nonce = unb64(begun["kdf"]), unb64(begun["nonce"])
        try:
            crypto.read_record(record)
        except cbor.Malformed:
            raise Refused("history", "a record out of bounds") from None
        need(len(nonce) == 32, "history", "a nonce of another length")
        root = crypto.Root.derive(phrase, record, second)
        now = time.time_ns() // 1_000_000
        signed = crypto.label("sig/login") + cbor.encode({1: origin, 2: handle, 3: nonce, 4: now})
        proof = {"handle": handle, "origin": origin, "nonce": b64(nonce), "time_ms": now, "signature": b64(root.sign_key().sign(signed))}
        tokens = self.server.ask("POST", "/v1/signin", proof)
        self.server.token = tokens["access"]

        me = self.server.ask("GET", "/v1/me")
        self.chain = read_chain(me)
        newest = self.chain[-1]
        self.principal, self.vault_id = newest.principal, bytes.fromhex(me["vault"])
        need((newest.handle, newest.principal.hex(), newest.record, newest.verify_key)
             == (handle, tokens["principal"], record, crypto.public_of(root.sign_key())), "history", "keys of somebody else")
        links = {(bytes.fromhex(l["old"]), bytes.fromhex(l["new"])): unb64(l["sealed"]) for l in me["links"]}
        self.pairs = bundles.keys_of(self.chain, root, links)
        self.keys = transparency.Log(self.server.ask)
        self.keys.holds(self.chain)
        self.chains, self.person_pins, self.space_pins = {self.principal: self.chain}, {}, {}

        self.vault = self.space(self.vault_id)
        own = self.vault.vault and self.vault.members.keys() == {self.principal}
        need(own, "history", "not this person's vault")
        self._read_pins()

    def _read_pins(self):
        for item in self.vault.items.values():
            says = item[9][-1][5][1]
            if item[2] == items.PERSON_PIN:
                self.person_pins[says[1][1]] = says[1]
            elif item[2] == items.SPACE_PIN:
                self.space_pins[says[1][1]] = says[1]
        for principal, chain in self.chains.items():
            self._fits_pin(principal, chain)

    def _fits_pin(self, principal, chain):
        pin = self.person_pins.get(principal)
        need(not pin or bundles.continues(chain, pin[3], pin[4]), "keys-changed", "not the keys that were seen")

    def directory(self, principal):
        """Somebody's verified chain."""
        if principal not in self.chains:
            chain = read_chain(self.server.ask("GET", f"/v1/directory/{principal.hex()}"))
            need(chain[0].principal == principal, "keys-changed", "keys of somebody else")
            self._fits_pin(principal, chain)
            self.keys.holds(chain)
            self.chains[principal] = chain
        return self.chains[principal]

    def space(self, id_):
        entries, pin = [], self.space_pins.get(id_)
        while True:
            page = self.server.ask("GET", f"/v1/spaces/{id_.hex()}/entries?from={len(entries)}")
            for text in page["entries"]:
                try:
                    entry = log.Entry(unb64(text))
                except cbor.Malformed as error:
                    raise Refused("damaged", str(error)) from None
                need(entry.seq >= len(entries), "history", "an entry again")
                need(entry.seq == len(entries), "log-sequence")
                need(not pin or pin[2] != entry.seq or pin[3] == entry.hash, "history", "not the log that was seen")
                entries.append(entry)
            if not page["entries"]:
                break
        need(not pin or pin[2] < len(entries), "history", "the end of the log that was seen is missing")
        need(entries, "damaged", "no log")
        names = sorted(set().union(*(entry.names() for entry in entries)))
        known = {bundle.hash: bundle for who in names for bundle in self.directory(who)}
        space = log.replay(id_, entries, known, self.principal, self.pairs)
        # The newest of each author: a log that came from another server has heads of that one, too.
        for author, head in {entry.author: entry.shown for entry in entries if entry.shown}.items():
            if head[3] == self.keys.head[3] or author != self.principal:
                self.keys.shows(head)
        return space

    def projects(self):
        for head in self.server.ask("GET", "/v1/spaces"):
            id_ = bytes.fromhex(head["space"])
            if id_ != self.vault_id:
                yield self.space(id_)

    def windows(self, space):
        def read(pack, first, count):
            window = log.WINDOW
            headers = {"Range": f"bytes={first * window}-{(first + count) * window - 1}"}
            path = f"/v1/spaces/{space.id.hex()}/packs/{pack.hex()}/bytes"
            return self.server.ask("GET", path, headers=headers, raw=True)
        return read


def read_chain(message):
    """A chain from the server, verified."""
    try:
        return bundles.verify_chain([unb64(b) for b in message["chain"]])
    except Refused as error:
        raise Refused("keys-changed", str(error)) from None
