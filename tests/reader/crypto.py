"""docs/spec/keys.md and box.md: from a phrase to keys, and the box."""

import hashlib
import hmac
import math
import unicodedata

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import cbor
from errors import Refused, need

MIB = 1 << 20


def label(name):
    return b"holdfast/v1/" + name.encode("ascii") + b"\0"


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), "sha256").digest()


def expand(prk, info, length):
    """HKDF-Expand (RFC 5869) with SHA-256."""
    out, block, n = b"", b"", 0
    while len(out) < length:
        n += 1
        block = mac(prk, block, info, bytes([n]))
        out += block
    return out[:length]


# The phrase

def phrase_from_file(data):
    data = data[:-2] if data.endswith(b"\r\n") else data[:-1] if data.endswith(b"\n") else data
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("bad-phrase", "not UTF-8") from None
    need(not text.startswith("\ufeff"), "bad-phrase", "a byte-order mark")
    return phrase(text)


def phrase(text):
    # Python's table may be older than Unicode 15.0; then this refuses more than it has to.
    need(text and not any(unicodedata.category(c) in ("Cc", "Cn", "Cs") for c in text), "bad-phrase")
    data = unicodedata.normalize("NFKD", text).encode("utf-8")
    need(len(data) <= 1024, "bad-phrase", "too long")
    return data


# The key-derivation record, and the tree under it

WITH_SECOND = "scrypt+second"
RECORD = cbor.fields({1: cbor.one_of("scrypt", WITH_SECOND), 2: cbor.uint, 3: cbor.one_of(8), 4: cbor.one_of(1), 5: cbor.size(32)})


def read_record(data):
    record = cbor.message(RECORD, data)
    if record[2] not in (1 << n for n in range(17, 22)):
        raise cbor.Malformed("work out of bounds")
    return record


# The second secret

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def second_check(second):
    return sha256(label("second-secret"), second)[:4]


def second_text(second):
    bits = int.from_bytes(second + second_check(second), "big")
    text = "".join(CROCKFORD[bits >> at & 31] for at in range(155, -1, -5))
    return "-".join(text[at:at + 4] for at in range(0, 32, 4))


def read_second(text):
    text = "".join(text.replace("-", "").split())
    text = text.upper().translate(str.maketrans("OIL", "011")) if text.isascii() else ""
    need(len(text) == 32 and set(text) <= set(CROCKFORD), "bad-second-secret")
    bits = 0
    for character in text:
        bits = bits << 5 | CROCKFORD.index(character)
    data = bits.to_bytes(20, "big")
    need(second_check(data[:16]) == data[16:], "bad-second-secret", "another check")
    return data[:16]


class Root:
    """The PRK of a bundle, and what is derived from it."""

    def __init__(self, prk):
        self.prk = prk

    @classmethod
    def derive(cls, phrase, record, second=None):
        fields = read_record(record)
        takes = fields[1] == WITH_SECOND
        need(second or not takes, "second-secret-needed")
        need(takes or not second, "second-secret-dropped")
        # hashlib's own one takes no 2^21.
        stretched = Scrypt(salt=fields[5], length=64, n=fields[2], r=8, p=1).derive(phrase)
        return cls(mac(sha256(record), stretched, second or b""))

    def rsa_seed(self, bits):
        return expand(self.prk, label("rsa") + bits.to_bytes(4, "big"), 48)

    def sign_key(self):
        return Ed25519PrivateKey.from_private_bytes(expand(self.prk, label("sign"), 32))

    def key(self, name):
        return expand(self.prk, label(name), 32)


# The RSA pair

class Candidates:
    """HMAC_DRBG (SP 800-90A, 10.1.2) with SHA-256; one generate call for each candidate."""

    def __init__(self, seed, bits):
        self.bits, self.k, self.v = bits, bytes(32), b"\1" * 32
        self._update(seed + b"det RSA key gen" + bits.to_bytes(2, "big"))

    def _update(self, data=b""):
        for n in (b"\0", b"\1") if data else (b"\0",):
            self.k = mac(self.k, self.v, n, data)
            self.v = mac(self.k, self.v)

    def next(self):
        out = b""
        while len(out) < self.bits // 16:
            self.v = mac(self.k, self.v)
            out += self.v
        self._update()
        return int.from_bytes(out[:self.bits // 16], "big") | 3 << (self.bits // 2 - 2) | 7


E = 65537


def is_prime(n, rounds=40):
    for small in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47):
        if n % small == 0:
            return n == small
    d, s = n - 1, 0
    while d % 2 == 0:
        d, s = d // 2, s + 1
    for round_ in range(rounds):
        # Bases from the number itself: nobody chose it to deceive exactly these.
        x = pow(int.from_bytes(sha256(n.to_bytes(512, "big"), bytes([round_])), "big") % (n - 3) + 2, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(s - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def generate_pair(seed, bits):
    """The first two primes in order, as <https://c2sp.org/det-keygen> has it."""
    candidates = Candidates(seed, bits)
    while True:
        p, q = (next(c for c in iter(candidates.next, None) if is_prime(c)) for _ in range(2))
        if math.gcd(p - 1, q - 1) < 1 << 32 and (p - 1) % E and (q - 1) % E:
            return pair(p, q)


def unlock_pair(seed, modulus, bits):
    """The pair of this modulus, or none."""
    candidates = Candidates(seed, bits)
    for _ in range(10 * bits):
        p = candidates.next()
        if modulus % p == 0 and 1 < p < modulus:
            return pair(p, modulus // p)
    return None


def pair(p, q):
    d = pow(E, -1, math.lcm(p - 1, q - 1))
    public = rsa.RSAPublicNumbers(E, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()


SIZES = (2048, 3072, 4096, 8192)
SMALL_PRIMES = math.prod(n for n in range(3, 1 << 16, 2) if all(n % d for d in range(3, math.isqrt(n) + 1, 2)))


def spki(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def read_spki(data):
    try:
        key = serialization.load_der_public_key(data)
        good = isinstance(key, rsa.RSAPublicKey)
        n = key.public_numbers() if good else None
    except Exception:  # whatever the library says of bytes that are no key
        good = False
    if not good or n.e != E or n.n.bit_length() not in SIZES or math.gcd(n.n, 2 * SMALL_PRIMES) != 1 or spki(key) != data:
        raise cbor.Malformed("not an RSA key of ours")
    return key


def rsa_sign(private, message):
    return private.sign(message, padding.PKCS1v15(), hashes.SHA256())


def rsa_verifies(public, signature, message):
    try:
        public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        return True
    except InvalidSignature:
        return False


def unwrap(private, context, ciphertext):
    """OAEP with the label of a context; none when it does not open."""
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), sha256(context).hex().encode("ascii"))
    try:
        key = private.decrypt(ciphertext, oaep)
    except ValueError:
        return None
    return key if len(key) == 32 else None


# Ed25519

FIELD = 2**255 - 19
D = -121665 * pow(121666, -1, FIELD) % FIELD
# y of a point of order 8: 2 P has y = 0.
_ROOT = pow(2, (FIELD - 1) // 4, FIELD)


def _small_order():
    ys = {0, 1, FIELD - 1}
    # Order 8: x^2 = y^2 up to sign and -x^2 + y^2 = 1 + d x^2 y^2 with y^2 = -x^2, so 2 y^2 = 1 - d y^4.
    root = lambda a: next((r for r in (pow(a, (FIELD + 3) // 8, FIELD), pow(a, (FIELD + 3) // 8, FIELD) * _ROOT % FIELD)
                           if r * r % FIELD == a % FIELD), None)
    inner = root((1 + D) % FIELD)
    for sign in (1, -1):
        y = root((-1 + sign * inner) * pow(D, -1, FIELD) % FIELD) if inner is not None else None
        if y is not None:
            ys |= {y, FIELD - y}
    return ys


SMALL_ORDER = _small_order()


def point_is_good(data):
    """Canonical, and not of small order."""
    y = int.from_bytes(data, "little") & ((1 << 255) - 1)
    return len(data) == 32 and y < FIELD and y not in SMALL_ORDER


def is_curve_point(data):
    y = int.from_bytes(data, "little") & ((1 << 255) - 1)
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, FIELD) % FIELD
    return pow(x2, (FIELD - 1) // 2, FIELD) in (0, 1)


def verifies(public, type_, signature, message):
    return verifies_note(public, signature, label("sig/" + type_) + message)


def verifies_note(public, signature, note):
    """`verify_strict`: the library checks S, a canonical R and the equation without cofactor."""
    if not point_is_good(public) or not point_is_good(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, note)
        return True
    except (InvalidSignature, ValueError):
        return False


def public_of(private):
    return private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


# The box

def open_box(key, context, box):
    """The plaintext; none when it does not open, whatever the reason."""
    if not 64 <= len(box) <= 16 * MIB or len(box) % 16:
        return None
    both = expand(key, label("box") + sha256(context), 64)
    iv, ciphertext, tag = box[:16], box[16:-32], box[-32:]
    lengths = len(context).to_bytes(8, "big"), len(ciphertext).to_bytes(8, "big")
    if not hmac.compare_digest(tag, mac(both[32:], label("tag"), lengths[0], context, iv, lengths[1], ciphertext)):
        return None
    decryptor = Cipher(algorithms.AES(both[:32]), modes.CBC(iv)).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    pad = padded[-1]
    if not 1 <= pad <= 16 or padded[-pad:] != bytes([pad]) * pad:
        return None
    return padded[:-pad]


def context(*fields):
    return cbor.encode(list(fields))


# Six words

def six_words(fingerprint, words):
    h = Scrypt(salt=label("words"), length=10, n=1 << 14, r=8, p=1).derive(fingerprint)
    value, digits = int.from_bytes(h, "big") >> 3, []
    for _ in range(6):
        value, digit = divmod(value, 7776)
        digits.append(words[digit])
    return " ".join(reversed(digits))
