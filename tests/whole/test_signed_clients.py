"""Signed requests over the wire: whoever signs rightly gets a cut-out, and whoever does not is told exactly why."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from bench.service import REMOVE
from mattegate.client import (
    ApiKey,
    Client,
    Credential,
    HmacSigning,
    MessageSigning,
    Patience,
    RefusedError,
    SigV4Signing,
    Together,
)
from mattegate.client.comparing import canonical_text
from mattegate.client.credentials import Moment, signed
from mattegate.client.request import Server, outgoing
from mattegate.signing import compat_hmac
from mattegate.signing.key_material import HmacSecret
from mattegate.vocabulary.rulebook import SignatureRules
from tests.serving.served import Served, read_all
from tests.whole.gate_users import ACTOR, Gate, bearer, png, running, told
from tests.whole.signed_clients import OCTETS, WAYS, Sent, Signer, Way, by_botocore, now, signer
from tests.wire.test_alike import ratio_of_medians

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide" / "signatures.md"
PHOTO = ROOT / "examples" / "photo.jpg"
CONFIG = """
[signatures]
unsafe_body_timestamp_hmac = true

[flood]
failures_per_minute = 1000000
verifications_per_minute = 1000000
unproven_per_minute = 1000000

[engine]
workers = 1

[tiers.pairs]
unlimited = true
require = ["key", "signature"]

[require]
usage = ["signature", "key"]
"""


@pytest.fixture(scope="module")
def gate(u2netp_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """The product, for every story that makes identities of its own."""
    with running(tmp_path_factory.mktemp("signed"), u2netp_home / "models", CONFIG) as gate:
        yield gate


@pytest.fixture(scope="module")
def signers(gate: Gate) -> dict[str, Signer]:
    """A key for each way to sign."""
    return {name: signer(gate, name, scheme=way.scheme, kind=way.kind) for name, way in WAYS.items()}


def answered(gate: Gate, sent: Sent) -> httpx2.Response:
    """What came of it, noted where it is a refusal."""
    return gate.noted(sent.through(gate.web))


# --- who signs rightly ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WAYS)
def test_whoever_signs_rightly_gets_a_cutout_once(gate: Gate, signers: dict[str, Signer], name: str) -> None:
    """A cut-out for the signature, and for the very same bytes a second time the refusal that they were used."""
    sent = WAYS[name].make(signers[name], now())
    first = answered(gate, sent)
    assert (first.status_code, first.headers["content-type"]) == (200, "image/png"), first.text
    assert told(answered(gate, sent)) == (403, "signature.replayed")


CREDENTIALS: dict[str, tuple[Callable[[Signer], Credential], str]] = {
    "hmac": (lambda who: HmacSigning(who.id, HmacSecret(who.secret.encode())), ""),
    "sigv4": (lambda who: SigV4Signing(who.id, who.secret.encode()), ""),
    "rfc9421 hmac": (lambda who: MessageSigning(who.id, HmacSecret(who.secret.encode())), ""),
    "rfc9421 ed25519": (lambda who: MessageSigning(who.id, who.key), "ed25519"),
    "rfc9421 p256": (lambda who: MessageSigning(who.id, who.key), "p256"),
    "rfc9421 rsa-pss": (lambda who: MessageSigning(who.id, who.key), "rsa-pss"),
}


@pytest.mark.parametrize("name", CREDENTIALS)
def test_the_client_makes_cutouts_by_every_scheme(gate: Gate, tmp_path: Path, name: str) -> None:
    """From a file and from bytes, with options, and again at once: every request is signed for itself."""
    make, kind = CREDENTIALS[name]
    who = signer(gate, f"client {name}", kind=kind)
    photo = tmp_path / "photo.png"
    photo.write_bytes(png())
    with Client(who.base, make(who)) as client:
        webp = client.remove_background(photo, format="webp", crop=False)
        plain = client.remove_background(png())
        whoami = json.loads(client.get("/v1/whoami").body)
    assert (webp.content_type, plain.content_type) == ("image/webp", "image/png")
    assert webp.request_id != plain.request_id
    assert whoami["identity"]["name"] == f"client {name}"


def test_a_key_is_a_credential_of_the_client_too(gate: Gate) -> None:
    """And a refusal is an exception that says why, what helps, and by which id it is on record."""
    minted = gate.key("plain client")
    with Client(str(gate.web.base_url), ApiKey(minted.text)) as client:
        assert client.remove_background(png()).content_type == "image/png"
        with pytest.raises(RefusedError) as refused:
            client.remove_background(b"no picture")
    assert (refused.value.status, refused.value.reason) == (415, "upload.type")
    assert refused.value.request_id.startswith("req_")
    assert refused.value.remedy
    assert refused.value.tries == 1


def by_curl(who: Signer, *options: str, path: str = REMOVE) -> tuple[int, dict[str, object]]:
    """What the curl of this machine is answered: the status, and the problem where there is one."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed")
    line = [program, "-sS", "-o", "-", "-w", "\n%{http_code}", "--aws-sigv4", "aws:amz:local:mattegate"]
    line += ["--user", f"{who.id}:{who.secret}", *options, f"{who.base}{path}"]
    ended = subprocess.run(line, capture_output=True, timeout=60, check=True)
    body, _, status = ended.stdout.rpartition(b"\n")
    return int(status), json.loads(body) if body.startswith(b"{") else {}


def test_curl_signs_what_it_holds_in_memory(gate: Gate, tmp_path: Path) -> None:
    """With --data-binary it signs the body; with -F and -T an empty one, and the refusal says so and what to do."""
    photo = tmp_path / "photo.png"
    photo.write_bytes(png())
    who = signer(gate, "curl")
    assert by_curl(who, "-H", f"Content-Type: {OCTETS}", "--data-binary", f"@{photo}")[0] == 200
    for options in (("-F", f"image=@{photo}"), ("-X", "POST", "-T", str(photo))):
        status, problem = by_curl(who, *options)
        assert (status, problem["reason"]) == (403, "signature.mismatch")
        assert "It fits an empty body" in str(problem["remedy"])


@pytest.mark.parametrize("tool", ["openssl", "--aws-sigv4"])
def test_the_guides_own_lines_make_a_cutout(gate: Gate, tmp_path: Path, tool: str) -> None:
    """As they stand in the guide, with this server's address and this key's id."""
    if shutil.which("openssl") is None or shutil.which("curl") is None:
        pytest.skip("openssl or curl is not installed")
    who = signer(gate, f"guide {tool}")
    (tmp_path / "photo.jpg").write_bytes(PHOTO.read_bytes())
    (tmp_path / "ci.secret").write_text(who.secret + "\n")
    scripts = re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    block = next(text for text in scripts if tool in text)
    script = block.replace("http://127.0.0.1:8000", who.base).replace("AbCdEfGhIjKl", who.id)
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, capture_output=True, timeout=60, check=True)
    made = (tmp_path / "cutout.png").read_bytes()
    assert made.startswith(b"\x89PNG"), made


def test_the_command_line_signs_too(gate: Gate, tmp_path: Path) -> None:
    """``send`` makes a cut-out, ``sign`` prints a line for curl that does; of a refusal it shows what differs."""
    who = signer(gate, "command line")
    photo, secret, out = tmp_path / "photo.png", tmp_path / "secret", tmp_path / "cutout.webp"
    photo.write_bytes(png())
    secret.write_text(who.secret + "\n")
    proof = ("--signing-id", who.id, "--signing-secret-file", str(secret))
    sent = gate.command("send", str(photo), "--server", who.base, *proof, "-o", str(out), "--format", "webp", "--json")
    assert (sent.returncode, json.loads(sent.stdout)["tries"]) == (0, 1), sent.stderr
    assert out.read_bytes().startswith(b"RIFF")
    asked = ("sign", "POST", who.base + REMOVE, *proof, "--scheme", "sigv4", "--data-file", str(photo))
    made = gate.command(*asked, "-H", f"Content-Type: {OCTETS}")
    assert made.stderr.startswith("The canonical request is")
    answer = subprocess.run(
        made.stdout.rstrip() + " -o /dev/null -w '%{http_code}'", shell=True, capture_output=True, check=True
    )
    assert answer.stdout == b"200", made.stdout
    moved = subprocess.run(made.stdout.replace("/v1/", "/"), shell=True, capture_output=True, check=True)
    (tmp_path / "answer.json").write_bytes(moved.stdout)
    compared = gate.command(*asked, "-H", f"Content-Type: {OCTETS}", "--compare", str(tmp_path / "answer.json"))
    assert compared.returncode == 3
    assert "- /v1/remove-bg\n+ /remove-bg\n" in compared.stdout


# --- who signs something else than was sent ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", WAYS)
def test_another_body_is_refused(gate: Gate, signers: dict[str, Signer], name: str) -> None:
    """A digest in the head is compared with what comes; a signature over the body does not match another one."""
    way = WAYS[name]
    sent = way.make(signers[name], now())
    other = sent.body.replace(b"ima", b"amI", 1) if way.scheme else png(49)
    if len(other) != len(sent.body):
        sent = _with_length(sent, len(other))
    expected = (403, "signature.mismatch") if way.whole_body else (400, "signature.digest")
    assert told(answered(gate, replace(sent, body=other))) == expected


def _with_length(sent: Sent, length: int) -> Sent:
    """Content-Length is covered by none of them."""
    return sent.putting("content-length", lambda _: str(length))


BOUND = [name for name, way in WAYS.items() if way.scheme != "compat-hmac"]
"""Ways that cover more than the body."""


@pytest.mark.parametrize("name", BOUND)
@pytest.mark.parametrize("what", ["query", "path", "method", "signature"])
def test_one_change_is_one_refusal(gate: Gate, signers: dict[str, Signer], name: str, what: str) -> None:
    """The address, the path and the method are covered, and a signature with one letter changed is none."""
    sent = WAYS[name].make(signers[name], now())
    changed = {
        "query": lambda: sent.moved("mask=true"),
        "path": lambda: replace(sent, url=sent.url.replace(REMOVE, "/remove-bg")),
        "method": lambda: replace(sent, method="PUT"),
        "signature": lambda: _spoiled(sent),
    }[what]()
    answer = answered(gate, changed)
    assert told(answer) == (403, "signature.mismatch"), answer.text
    assert answer.json()["canonical"]
    assert "www-authenticate" not in answer.headers


def _spoiled(sent: Sent) -> Sent:
    """With one digit of the signature changed."""

    def spoil(text: str) -> str:
        at = len(text) - 12
        return text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :]

    if "X-Amz-Signature" in sent.url:
        return replace(sent, url=spoil(sent.url))
    names = {name.lower() for name, _ in sent.headers}
    name = "authorization" if "authorization" in names else "x-signature" if "x-signature" in names else "signature"
    return sent.putting(name, spoil)


@pytest.mark.parametrize("name", WAYS)
def test_a_signature_has_its_time(gate: Gate, signers: dict[str, Signer], name: str) -> None:
    """Six minutes ago is too early a date, and in six minutes too late a one."""
    way, who = WAYS[name], signers[name]
    late = "signature.url_expired" if name == "botocore presigned" else "signature.expired"
    assert told(answered(gate, way.make(who, now() - 360))) == (403, late)
    assert told(answered(gate, way.make(who, now() + 360))) == (403, "signature.not_yet_current")


def test_how_far_a_clock_is_off_stands_in_the_record(gate: Gate, signers: dict[str, Signer]) -> None:
    """In seconds, for the operator."""
    old = answered(gate, WAYS["own hmac"].make(signers["own hmac"], now() - 360))
    assert re.search(
        r"dated \S+, -36[01]\.\d+ s from our clock", gate.command("why", old.headers["x-request-id"]).stdout
    )


def test_a_replay_is_refused_across_a_restart(gate: Gate, signers: dict[str, Signer]) -> None:
    """Nonces are on the disk before the answer goes out, so that ``kill -9`` takes none along."""
    names = ("own hmac", "botocore", "own rfc9421 ed25519", "the document")
    sent = [WAYS[name].make(signers[name], now()) for name in names]
    assert {answered(gate, one).status_code for one in sent} == {200}
    for end in (gate.process.kill, gate.process.stop):
        end()
        gate.process.start()
        assert {told(answered(gate, one)) for one in sent} == {(403, "signature.replayed")}


# --- the answer to a mismatch -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hmac", "sigv4", "rfc9421 ed25519"])
def test_the_answer_shows_the_line_that_differs(gate: Gate, name: str) -> None:
    """Both sides write one request down alike; what something in between changed is the line in which they differ."""
    make, kind = CREDENTIALS[name]
    who = signer(gate, f"differs {name}", kind=kind)
    asked = outgoing(Server.of(who.base), "POST", REMOVE, query=b"format=png", body=png())
    whole = signed(asked, make(who), Moment(now(), "a-text-of-24-characters!"))
    ours = canonical_text(whole, SignatureRules())
    lines = tuple((name.decode(), value.decode("latin-1")) for name, value in whole.headers)
    moved = replace(Sent("POST", whole.address, lines, png()), url=whole.address.replace("/v1/remove-bg", "/remove-bg"))
    theirs = answered(gate, moved).json()["canonical"]
    pairs = zip(ours.splitlines(), theirs.splitlines(), strict=True)
    differing = [(mine, yours) for mine, yours in pairs if mine != yours]
    assert differing[0][0].endswith("/v1/remove-bg")
    assert differing[0][1].endswith("/remove-bg")
    assert len(differing) == (2 if name == "sigv4" else 1)  # SigV4 shows the hash of the whole, too


@pytest.mark.parametrize("name", ["own hmac", "own sigv4", "own rfc9421 p256"])
def test_what_is_unreadable_is_answered_with_what_to_sign(gate: Gate, signers: dict[str, Signer], name: str) -> None:
    """401 with a challenge (RFC 9110) and with the components that are wanted (RFC 9421, section 5)."""
    sent = WAYS[name].make(signers[name], now())
    dropped = {"own hmac": "x-nonce", "own sigv4": "x-amz-date", "own rfc9421 p256": "signature"}[name]
    answer = answered(gate, replace(sent, headers=tuple(pair for pair in sent.headers if pair[0] != dropped)))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'AWS4-HMAC-SHA256 realm="mattegate"'
    wanted = 'sig1=("@method" "@authority" "@path" "@query" "content-digest");created'
    assert answer.headers["accept-signature"] == wanted


@pytest.mark.parametrize("name", BOUND)
def test_an_unknown_key_is_answered_exactly_like_a_wrong_secret(
    gate: Gate, signers: dict[str, Signer], name: str
) -> None:
    """The same status, headers, order of headers and body, but for what the caller sent and the ids of the answers."""
    sent = WAYS[name].make(signers[name], now())
    known, unknown = _spoiled(sent), _spoiled(_of_nobody(sent, signers[name]))
    answers = [answered(gate, one) for one in (known, unknown)]
    assert [told(answer) for answer in answers] == [(403, "signature.mismatch")] * 2
    shown = [_without_ids(answer, signers[name].id) for answer in answers]
    assert shown[0] == shown[1]


def _of_nobody(sent: Sent, who: Signer) -> Sent:
    """The same under an id that was never made."""
    nobody = _nobody(who)
    lines = tuple((name, value.replace(who.id, nobody)) for name, value in sent.headers)
    return replace(sent, url=sent.url.replace(who.id, nobody), headers=lines)


def _nobody(who: Signer) -> str:
    return ("A" if who.id[0] != "A" else "B") + who.id[1:]


def _without_ids(answer: httpx2.Response, key_id: str) -> tuple[object, ...]:
    headers = [(name, value) for name, value in answer.headers.items() if name not in {"date", "x-request-id"}]
    document = answer.json() | {"request_id": ""}
    if "X-Amz-Credential" in document["canonical"]:  # the id is part of what is hashed there
        document["canonical"] = re.sub(r"[0-9a-f]{64}$", "", document["canonical"])
    return headers, json.dumps(document).replace("A" + key_id[1:], key_id).replace("B" + key_id[1:], key_id)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["own hmac", "own sigv4", "own rfc9421 ed25519", "own rfc9421 p256"])
def test_time_tells_no_key_from_none(gate: Gate, signers: dict[str, Signer], name: str) -> None:
    """An unknown id takes as long as a wrong secret."""
    sent = _spoiled(WAYS[name].make(signers[name], now()))
    stranger = _of_nobody(sent, signers[name])
    ratio = ratio_of_medians(lambda: sent.through(gate.web), lambda: stranger.through(gate.web), 400)
    print(f"\n{name}: {ratio:.3f}")
    assert 0.8 < ratio < 1.25


# --- several proofs at once -------------------------------------------------------------------------------------------


def test_a_key_and_a_signature_at_once_where_the_key_wants_it(gate: Gate) -> None:
    """A key that requires a signature is worth nothing alone, and somebody else's signature does not help."""
    owner = gate.accounts.desk.create_identity("both", tier="vip", actor=ACTOR).view.id
    key = gate.another(owner, require=["key", "signature"])
    own, foreign = signer(gate, "both signer", identity=owner), signer(gate, "stranger")
    alone = gate.post(key.text)
    assert told(alone) == (401, "signature.required")
    assert alone.headers["accept-signature"].startswith("sig1=(")
    assert _together(key.text, own) == ""
    assert _together(key.text, foreign) == "request.ambiguous_credentials"
    with Client(own.base, HmacSigning(own.id, HmacSecret(own.secret.encode()))) as client:
        assert client.remove_background(png()).content_type == "image/png"  # the signing key itself asks for nothing


def test_a_key_and_a_signature_at_once_where_the_tier_wants_it(gate: Gate) -> None:
    """Then neither is enough alone, whoever of the account sends it."""
    owner = gate.accounts.desk.create_identity("tiered", tier="pairs", actor=ACTOR).view.id
    key, own = gate.another(owner), signer(gate, "tiered signer", identity=owner)
    assert told(gate.post(key.text)) == (401, "signature.required")
    with Client(own.base, SigV4Signing(own.id, own.secret.encode())) as client, pytest.raises(RefusedError) as refused:
        client.remove_background(png())
    assert (refused.value.status, refused.value.reason) == (401, "credential.required")
    assert _together(key.text, own) == ""


def test_a_key_and_a_signature_at_once_where_the_route_wants_it(gate: Gate) -> None:
    """One route asks for both and the others do not; there the pair is one credential too many."""
    owner = gate.accounts.desk.create_identity("routed", tier="vip", scopes=("*",), actor=ACTOR).view.id
    key, own = gate.another(owner), signer(gate, "routed signer", identity=owner)
    assert told(gate.get("/v1/usage", key.text)) == (401, "signature.required")
    assert gate.get("/v1/whoami", key.text).status_code == 200
    pair = Together((ApiKey(key.text), HmacSigning(own.id, HmacSecret(own.secret.encode()))))
    with Client(own.base, pair) as client:
        assert client.get("/v1/usage").status == 200
        with pytest.raises(RefusedError) as refused:
            client.get("/v1/whoami")
    assert refused.value.reason == "request.ambiguous_credentials"


def test_the_document_goes_with_the_key_beside_it(gate: Gate) -> None:
    """Its clients name no signing key: the API key beside the signature says whose it is."""
    owner = gate.accounts.desk.create_identity("document", tier="pairs", actor=ACTOR).view.id
    key = gate.another(owner)
    own = signer(gate, "document signer", identity=owner, scheme="compat-hmac")
    at = now()
    sent = WAYS["the document"].make(own, at)
    assert answered(gate, unnamed(own, key.text, at)).status_code == 200
    named = replace(sent, headers=(*sent.headers, *bearer(key.text).items()))
    assert told(answered(gate, named)) == (403, "signature.replayed")  # that name is not signed, and makes it no other


def test_the_document_goes_on_while_its_secret_is_rotated(gate: Gate) -> None:
    """Its clients name no key, and sign with the old secret or the new one until the old one ends."""
    owner = gate.accounts.desk.create_identity("rotating", tier="pairs", actor=ACTOR).view.id
    key = gate.another(owner)
    old = signer(gate, "rotating signer", identity=owner, scheme="compat-hmac")
    minted = gate.accounts.desk.rotate_key(old.id, overlap_s=60, actor=ACTOR)
    new = Signer(gate, minted.id, minted.text)
    start = now()
    assert [told(answered(gate, unnamed(each, key.text, start))) for each in (old, new)] == [(200, ""), (200, "")]
    gate.accounts.desk.revoke_key(old.id, actor=ACTOR)
    again = [told(answered(gate, unnamed(each, key.text, start - 1))) for each in (old, new)]
    assert again == [(403, "signature.mismatch"), (200, "")]


def unnamed(who: Signer, key: str, at: float) -> Sent:
    """As the document signs, with an API key and without the id of the signing key."""
    sent = WAYS["the document"].make(who, at)
    nameless = tuple(pair for pair in sent.headers if pair[0] != "X-Key-Id")
    return replace(sent, headers=(*nameless, *bearer(key).items()))


def test_the_document_is_for_cutouts_alone(gate: Gate) -> None:
    """What covers no path is no proof elsewhere: it neither tells about the account nor makes it keys."""
    who = signer(gate, "cut-outs only", scheme="compat-hmac")
    for method, path, body in (("GET", "/v1/whoami", b""), ("POST", "/v1/keys", b'{"name": "mine"}')):
        secret = compat_hmac.UnsafeBodyTimestampSecret(who.secret.encode())
        lines = compat_hmac.sign(body, who.id, secret, at=now())
        headers = {name.decode(): value.decode() for name, value in lines} | {"Content-Type": "application/json"}
        answer = gate.web.request(method, path, content=body or None, headers=headers)
        assert told(answer) == (401, "signature.incomplete"), answer.text


def _together(key: str, who: Signer) -> str:
    """The reason why a key and a signature are refused together; empty: they are not."""
    pair = Together((ApiKey(key), HmacSigning(who.id, HmacSecret(who.secret.encode()))))
    with Client(who.base, pair, patience=Patience(tries=1)) as client:
        try:
            client.remove_background(png())
        except RefusedError as refused:
            return refused.reason
    return ""


# --- bodies under proof -----------------------------------------------------------------------------------------------


def test_bodies_under_proof_are_few_at_a_time(gate: Gate, signers: dict[str, Signer]) -> None:
    """Four bodies of one address may be read for a proof at once; a fifth is refused and told when to come back."""
    who = signers["botocore"]
    address = urlsplit(who.base)
    with ExitStack() as stack:
        waiting = []
        for _ in range(4):
            peer = stack.enter_context(closing(Served.connect(_Address(address.hostname or "", address.port or 0))))  # type: ignore[arg-type]
            peer.sendall(_head(by_botocore(who, now())))
            waiting.append(peer)
        _wait_until_refused(gate, who)
        for peer in waiting:
            peer.shutdown(1)
            read_all(peer)
    assert answered(gate, by_botocore(who, now() - 60)).status_code == 200


class _Address:
    """Where to connect."""

    def __init__(self, host: str, port: int) -> None:
        self.address = (host, port)


def _head(sent: Sent) -> bytes:
    """The head of a request whose body never comes."""
    parts = urlsplit(sent.url)
    lines = [f"POST {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in sent.headers if name.lower() != "content-length"]
    return "\r\n".join([*lines, f"Content-Length: {len(sent.body)}", "", ""]).encode()


def _wait_until_refused(gate: Gate, who: Signer) -> None:
    """The four are on their way through the server: until they are there, one more is let in."""
    for attempt in range(20):
        answer = answered(gate, by_botocore(who, now() - attempt))
        if answer.status_code != 200:
            break
    assert told(answer) == (429, "flood.body_proofs")
    assert answer.headers["retry-after"] == "1"


# --- what was refused explains itself ---------------------------------------------------------------------------------


def test_every_refusal_of_these_stories_is_explained_the_same_again(gate: Gate) -> None:
    """``why`` finds each, judges it again and comes to the same."""
    sample = dict(list({reason: one for one, reason in gate.refused.items()}.items()))
    for reason, request_id in sample.items():
        ended = gate.command("why", request_id, "--json")
        told_again = json.loads(ended.stdout)
        assert told_again["public_code"] == reason
        assert told_again["replayed"] == "same"


def test_ways_are_told_apart(signers: dict[str, Signer]) -> None:
    """Each of them has a key of its own."""
    assert len({who.id for who in signers.values()}) == len(WAYS)
    assert all(isinstance(way, Way) for way in WAYS.values())
