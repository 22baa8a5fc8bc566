"""The released vectors, read by somebody who has the pages and not the program: `python -m unittest` in this folder."""

import json
import pathlib
import unittest

import bundles
import cbor
import crypto
import errors
import export
import files
import log
import runs
import transparency

CRATES = pathlib.Path(__file__).resolve().parents[2] / "crates"


def vectors(crate, name):
    return json.loads((CRATES / crate / "tests" / "vectors" / f"{name}.json").read_text())


def unhex(text):
    return bytes.fromhex(text)


def digest(data):
    return crypto.sha256(data).hex()


SPKI = "rsa_2048_spki_sha256"


def derived(root, record, with_pair):
    """What stands under `derived` in the vectors; the pair is most of a minute's work."""
    made = {f"{name}_sha256": digest(root.key(name)) for name in ("pins", "local", "link")}
    made |= {"prk_sha256": digest(root.prk), "record": record.hex(), "sign_public": crypto.public_of(root.sign_key()).hex()}
    made["rsa_seeds"] = [{"bits": bits, "sha256": digest(root.rsa_seed(bits))} for bits in crypto.SIZES]
    if with_pair:
        made[SPKI] = digest(crypto.spki(crypto.generate_pair(root.rsa_seed(2048), 2048).public_key()))
    return made


class Keys(unittest.TestCase):
    def test_phrases(self):
        for one in vectors("crypto", "phrases"):
            with self.subTest(one["typed"]):
                if one.get("refused"):
                    self.assertRaises(errors.Refused, crypto.phrase, one["typed"])
                else:
                    self.assertEqual(crypto.phrase(one["typed"]), unhex(one["utf8"]))

    def test_derived_keys(self):
        for number, one in enumerate(vectors("crypto", "keys")):
            want, record = one["derived"], unhex(one["derived"]["record"])
            self.assertEqual(record, cbor.encode({1: "scrypt", 2: 1 << one["log2_n"], 3: 8, 4: 1, 5: unhex(one["salt"])}))
            root = crypto.Root.derive(crypto.phrase(one["phrase"]), record)
            self.assertEqual(digest(root.prk), want["prk_sha256"])
            for name in ("pins", "local", "link"):
                self.assertEqual(digest(root.key(name)), want[f"{name}_sha256"])
            for seed in want["rsa_seeds"]:
                self.assertEqual(digest(root.rsa_seed(seed["bits"])), seed["sha256"])
            self.assertEqual(crypto.public_of(root.sign_key()).hex(), want["sign_public"])
            if number == 0:  # a minute's work in Python for all of them
                pair = crypto.generate_pair(root.rsa_seed(2048), 2048)
                self.assertEqual(digest(crypto.spki(pair.public_key())), want["rsa_2048_spki_sha256"])

    def test_second_secrets(self):
        for number, one in enumerate(vectors("crypto", "second-secret")):
            second, want = unhex(one["second"]), one["derived"]
            self.assertEqual(crypto.second_text(second), one["text"])
            for typed in (one["text"], one["text"].lower(), one["text"].replace("-", " \n").replace("0", "o").replace("1", "l")):
                self.assertEqual(crypto.read_second(typed), second)
            record, phrase = unhex(want["record"]), crypto.phrase(one["phrase"])
            root = crypto.Root.derive(phrase, record, second)
            self.assertEqual(derived(root, record, number == 0), {n: v for n, v in want.items() if number == 0 or n != SPKI})
            self.assertRaises(errors.Refused, crypto.Root.derive, phrase, record)
        first = vectors("crypto", "second-secret")[0]
        for wrong in ("", first["text"][:-1], first["text"] + "0", "1" + first["text"][1:], first["text"].replace("-", "_")):
            with self.subTest(wrong):
                self.assertRaises(errors.Refused, crypto.read_second, wrong)
        plain = unhex(vectors("crypto", "keys")[0]["derived"]["record"])
        self.assertRaises(errors.Refused, crypto.Root.derive, b"x", plain, bytes(16))

    def test_boxes_open_and_nothing_else_does(self):
        for one in vectors("crypto", "boxes"):
            key, context, plain, box = (unhex(one[n]) for n in ("key", "context", "plaintext", "box"))
            self.assertEqual(crypto.open_box(key, context, box), plain)
            self.assertIsNone(crypto.open_box(key, context + b"\0", box))
            for at in range(0, len(box), max(1, len(box) // 40)):
                self.assertIsNone(crypto.open_box(key, context, box[:at] + bytes([box[at] ^ 1]) + box[at + 1:]))

    def test_signatures(self):
        for one in vectors("crypto", "signatures"):
            public, signature, message = (unhex(one[n]) for n in ("public", "signature", "message"))
            self.assertTrue(crypto.verifies(public, one["type"], signature, message))
            self.assertFalse(crypto.verifies(public, one["type"], signature, message + b"\0"))

    def test_points_of_small_order(self):
        known = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
        self.assertEqual(len(crypto.SMALL_ORDER), 5)
        self.assertFalse(crypto.point_is_good(unhex(known)))

    def test_wraps(self):
        for one in vectors("crypto", "wraps"):
            pair = crypto.generate_pair(unhex(one["seed"]), one["bits"]) if one["bits"] == 2048 else None
            for wrap in one["wraps"] if pair else []:
                self.assertEqual(crypto.unwrap(pair, unhex(wrap["context"]), unhex(wrap["wrap"])), unhex(wrap["key"]))
                self.assertIsNone(crypto.unwrap(pair, b"elsewhere", unhex(wrap["wrap"])))

    def test_six_words(self):
        words = [line.split()[-1] for line in (CRATES / "crypto" / "data" / "eff_large_wordlist.txt").read_text().splitlines()]
        for one in vectors("crypto", "words"):
            self.assertEqual(crypto.six_words(unhex(one["fingerprint"]), words), one["words"])


class People:
    """All bundles of the vectors, verified, and their pairs."""

    def __init__(self):
        self.known, self.pairs = {}, {}
        for file in ("people", "nodes"):
            for name, rows in vectors("protocol", file).items():
                if not isinstance(rows, list):
                    continue
                chain = bundles.verify_chain([unhex(row["signed"]) for row in rows])
                for bundle, row in zip(chain, rows):
                    assert (bundle.hash.hex(), bundle.fingerprint.hex()) == (row["hash"], row["fingerprint"])
                    seed = crypto.Root(unhex(row["prk"])).rsa_seed(bundle.bits)
                    pair = crypto.unlock_pair(seed, bundle.rsa.public_numbers().n, bundle.bits)
                    self.pairs.setdefault(chain[0].principal, {})[bundle.hash] = pair
                self.known |= {bundle.hash: bundle for bundle in chain}


class Logs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.people = People()

    def replay(self, file, entries=None, reader=None):
        reader = unhex(reader or "a1" * 16)
        entries = entries or [unhex(e["signed"]) for e in file["entries"]]
        return log.replay(unhex(file["space"]), [log.Entry(e) for e in entries], self.people.known, reader, self.people.pairs.get(reader, {}))

    def test_whole_logs_as_each_reader_sees_them(self):
        roles = {"reader": 0, "contributor": 1, "owner": 2}
        for name in ("project", "vault", "run"):
            file = vectors("protocol", name)
            for read in file["read_by"]:
                want = read.get("log", read)
                with self.subTest(name, reader=want["reader"]):
                    space = self.replay(file, reader=want["reader"])
                    self.assertEqual((space.seq, space.head.hex(), space.epoch, space.auth.hex()),
                                     (want["seq"], want["head"], want["epoch"], want["authority_head"]))
                    self.assertEqual({(m["principal"], m["bundle"], roles[m["role"]]) for m in want["members"]},
                                     {(who.hex(), m["bundle"].hex(), m["role"]) for who, m in space.members.items()})
                    self.assertEqual((space.name, sum(space.packs.values()), len(space.items)),
                                     (want["name"], want["live_bytes"], len(want["items"])))

    def test_every_refusal(self):
        file, differ = vectors("protocol", "refusals"), []
        entries = [unhex(e) for e in file["entries"]]
        for number, case in enumerate(file["cases"]):
            try:
                self.replay(case, [entries[at] for at in case["log"]], case["reader"])
                code = None
            except errors.Refused as refused:
                code = refused.code
            if code != case["code"]:
                differ.append((number, case["test"], case["code"], code))
        self.assertEqual(differ, [])

    def test_every_altered_entry_is_refused(self):
        for name in ("project", "vault", "run"):
            file = vectors("protocol", name)
            whole = [unhex(e["signed"]) for e in file["entries"]]
            for number, signed in enumerate(whole):
                for at in range(number, len(signed), 97):
                    altered = signed[:at] + bytes([signed[at] ^ 1 << at % 8]) + signed[at + 1:]
                    # The last one has nobody after it whose `prev` would tell.
                    with self.assertRaises(errors.Refused):
                        self.replay(file, whole[:number] + [altered])
                if number:
                    for wrong in (whole[:number] + whole[number + 1:], whole[:number - 1] + [signed, whole[number - 1]]):
                        if len(wrong) > number:
                            with self.assertRaises(errors.Refused):
                                self.replay(file, wrong)

    def test_altered_bundles(self):
        for rows in vectors("protocol", "people").values():
            signed = [unhex(row["signed"]) for row in rows]
            for at in range(0, len(signed[-1]), 31):
                altered = signed[-1][:at] + bytes([signed[-1][at] ^ 4]) + signed[-1][at + 1:]
                self.assertRaises(errors.Refused, bundles.verify_chain, signed[:-1] + [altered])
            if len(signed) > 1:
                self.assertRaises(errors.Refused, bundles.verify_chain, signed[1:])


class LogOfKeys(unittest.TestCase):
    def setUp(self):
        self.file = vectors("protocol", "transparency")
        self.roots = {row["size"]: unhex(row["root"]) for row in self.file["heads"]}

    def test_proofs_of_trees(self):
        for row in self.file["inclusion"]:
            leaf, path = transparency.leaf_hash(unhex(self.file["inputs"][row["index"]])), [unhex(h) for h in row["path"]]
            for at in range(row["size"] + 1):
                self.assertEqual(transparency.included(leaf, at, row["size"], self.roots[row["size"]], path), at == row["index"])
            self.assertFalse(transparency.included(leaf, row["index"], row["size"], self.roots[row["size"]], path + [leaf]))
        for row in self.file["consistency"]:
            earlier, now = ((row[n], self.roots[row[n]]) for n in ("earlier", "size"))
            path = [unhex(h) for h in row["path"]]
            self.assertTrue(transparency.continues(earlier, now, path))
            self.assertFalse(transparency.continues((earlier[0], bytes(32)), now, path))
            self.assertFalse(transparency.continues(earlier, now, path + [bytes(32)]))

    def test_leaves(self):
        everybody = {bundle.hash.hex(): bundle for bundle in People().known.values()}
        for row in self.file["leaves"]:
            self.assertEqual(transparency.leaf(everybody[row["bundle"]]).hex(), row["hash"])

    def test_head_and_checkpoint(self):
        head, text = cbor.message(transparency.HEAD, unhex(self.file["head"])), self.file["checkpoint"]
        self.assertTrue(transparency.head_holds(head))
        self.assertEqual(transparency.read_checkpoint(text, head[3]), head)
        self.assertIsNone(transparency.read_checkpoint(text, bytes(32)))
        for at in range(len(text)):
            altered = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1:]
            self.assertIsNone(transparency.read_checkpoint(altered, head[3]), at)

    def test_witnesses(self):
        file = vectors("protocol", "witness")
        name, key = transparency.read_verifier_key(file["log"], transparency.LOG)
        self.assertEqual((name, key.hex()), (transparency.origin(key), file["log_key"]))
        text = file["checkpoint"]
        head = transparency.read_checkpoint(text, key)
        for row in file["witnesses"]:
            witness = transparency.read_verifier_key(row["verifier_key"], transparency.WITNESS)
            self.assertEqual(witness, (row["name"], unhex(row["key"])))
            self.assertEqual(crypto.public_of(crypto.Ed25519PrivateKey.from_private_bytes(unhex(row["seed"]))), witness[1])
            self.assertIn(row["line"], text)
            self.assertEqual(transparency.cosigned_at(text, head, witness), row["time"])
            self.assertIsNone(transparency.cosigned_at(text, {**head, 1: head[1] + 1}, witness))
            self.assertIsNone(transparency.cosigned_at(text, head, (witness[0], key)))
        seen = (0, transparency.EMPTY)
        for request in file["requests"]:
            old, proof, checkpoint = transparency.read_add_checkpoint(request)
            head = transparency.read_checkpoint(checkpoint, key)
            now = (head[1], head[2])
            self.assertEqual(old, seen[0])
            self.assertTrue(transparency.continues(seen, now, proof))
            seen = now


class Runs(unittest.TestCase):
    def test_capsule_streams_and_result(self):
        people, file = People(), vectors("protocol", "run")
        space, run = unhex(file["space"]), file["run"]
        capsule, spec = unhex(run["capsule"]), cbor.decode(unhex(run["spec"]))
        ordered = next(e for e in (log.Entry(unhex(e["signed"])) for e in file["entries"])
                       if e.op == log.RUN and e.says.get(5) == crypto.sha256(capsule))
        self.assertEqual(digest(unhex(run["spec"])), run["spec_hash"])

        node, author, run_id, key = ordered.says[3], ordered.bundle, ordered.says[1], unhex(run["run_key"])
        wrap, box = cbor.decode(capsule)[1], cbor.decode(capsule)[2]
        pair = people.pairs[ordered.says[2]][node]
        own = crypto.unwrap(pair, crypto.context("capsule-wrap", space, run_id, node, author), wrap)
        grant = crypto.open_box(own, crypto.context("capsule", space, run_id, node, author), box)
        self.assertEqual(grant.hex(), run["grant"])
        self.assertIsNone(crypto.open_box(own, crypto.context("capsule", space, run_id, author, node), box))

        derive = lambda name, more=b"": crypto.expand(key, crypto.label(name) + more, 32)
        self.assertEqual(derive("run-result").hex(), run["result_key"])
        plain = crypto.open_box(derive("run-result"), crypto.context("run-result", space, run_id, 1), unhex(run["sealed_result"]))
        self.assertEqual(plain.hex(), run["result"])
        result = cbor.message(runs.RESULT, cbor.decode(plain)[0])
        for stream in run["streams"]:
            name, at = stream["name"], run_id + (1).to_bytes(4, "big") + stream["name"].encode()
            self.assertEqual(derive("run-stream", name.encode()).hex(), stream["key"])
            h = crypto.sha256(crypto.label("run-stream"), space, at)
            self.assertEqual(h.hex(), stream["start"])
            for number, (box, plain) in enumerate(zip(map(unhex, stream["boxes"]), stream["plain"])):
                context = crypto.context("run-stream", space, run_id, 1, name, number)
                self.assertEqual(crypto.open_box(unhex(stream["key"]), context, box).hex(), plain)
                h = crypto.sha256(h, crypto.sha256(box))
            self.assertEqual(h.hex(), stream["hash"])
            self.assertIn([name, len(stream["boxes"]), h], result[8])
        self.assertEqual(derive("run-output", spec[12][0][5]).hex(), run["output_key"])


class Files(unittest.TestCase):
    def test_export(self):
        file = vectors("protocol", "export")
        content = export.read(unhex(file["file"]), crypto.phrase(file["passphrase"]))
        self.assertEqual(content[1], file["content"]["created_ms"])
        for one, want in zip(content[2], file["content"]["secrets"], strict=True):
            self.assertEqual((one[2], one[3], one[4], one[5], [one[6][n] for n in (1, 2, 3)], one.get(7)),
                             (want["name"], want["description"], want["tags"], want["fields"], want["audience"], want["expires_ms"]))
        with self.assertRaises(errors.Refused):
            export.read(unhex(file["file"]), b"another one")

    def test_manifest(self):
        file = vectors("protocol", "manifest")
        context = crypto.context("manifest", *(unhex(file[n]) for n in ("space", "item", "version")))
        plain = crypto.open_box(unhex(file["key"]), context, unhex(file["sealed"]))
        self.assertEqual((plain.hex(), digest(unhex(file["sealed"]))), (file["manifest"], file["hash"]))
        cbor.message(files.MANIFEST, plain)
        for record in file["records"]:
            cbor.message(files.RECORD, unhex(record["record"] if isinstance(record, dict) else record))


if __name__ == "__main__":
    unittest.main()
