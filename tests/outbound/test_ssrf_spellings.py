"""Every way of writing an inner address that we know of: each is refused for its own cause, and none is reached."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.fetch import GuardedHttp
from mattegate.outbound.guard import admitted
from mattegate.outbound.guard_url import read_url
from tests.outbound.upstreams import Inside, Names, inside, rules

INNER = {
    "localhost": ["127.0.0.1", "::1"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "mixed.example": ["93.184.215.14", "127.0.0.1"],
    "mixed6.example": ["93.184.215.14", "::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "zone.example": ["fe80::1%lo"],
    "metadata.google.internal": ["169.254.169.254"],
    "xn--nxasmq6b.example": ["10.0.0.7"],
    "a_b.example": ["192.168.1.1"],
    "127.0.0.1a": ["127.0.0.1"],
    "odd.example": ["no address at all"],
    "many.example": [f"93.184.{i // 250}.{i % 250}" for i in range(99)],
}

SPELLINGS: dict[Cause, list[str]] = {
    Cause.ADDRESS: [
        # loopback, plainly and in every part of its network
        "http://127.0.0.1:{p}/", "http://127.0.0.2:{p}/", "http://127.127.127.127:{p}/", "http://127.255.255.254/",
        "HTTP://127.0.0.1:{p}/", "hTTps://127.0.0.1:{p}/", "http://127.0.0.1:{p}", "http://127.0.0.1:{p}?x",
        "http://127.0.0.1:{p}#x", "http://127.0.0.1:{p}#@example.com/", "http://127.0.0.1:{p}?@example.com/",
        "http://127.0.0.1:{p}/@example.com", "http://127.0.0.1:{p}/..;/x",
        # and of IPv6
        "http://[::1]:{p}/", "http://[0:0:0:0:0:0:0:1]:{p}/", "http://[0000::0001]:{p}/", "http://[::0.0.0.1]:{p}/",
        # IPv4 in IPv6 clothes
        "http://[::ffff:127.0.0.1]:{p}/", "http://[::ffff:7f00:1]:{p}/", "http://[0:0:0:0:0:FFFF:7F00:0001]:{p}/",
        "http://[::127.0.0.1]:{p}/", "http://[::7f00:1]:{p}/", "http://[::ffff:0:127.0.0.1]:{p}/",
        "http://[64:ff9b::127.0.0.1]:{p}/", "http://[64:ff9b::7f00:1]:{p}/", "http://[64:ff9b:1::7f00:1]:{p}/",
        "http://[64:ff9b::a9fe:a9fe]/", "http://[2002:7f00:1::]:{p}/", "http://[2002:a9fe:a9fe::1]/",
        "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "http://[2606:4700::5efe:7f00:1]/",
        "http://[2606:4700::200:5efe:7f00:1]/", "http://[::ffff:93.184.215.14]/", "http://[::ffff:0.0.0.0]:{p}/",
        "http://[::ffff:0:0]:{p}/", "http://[::ffff:10.0.0.1]/", "http://[64:ff9b::10.0.0.1]/",
        "http://[64:ff9b::0.0.0.0]:{p}/", "http://[2002:a00:1::]/", "http://[2002::]/", "http://[fe80::5efe:7f00:1]/",
        # nowhere and everywhere
        "http://0.0.0.0:{p}/", "http://0.0.0.1:{p}/", "http://[::]:{p}/", "http://255.255.255.255/",
        "http://224.0.0.1/", "http://239.255.255.250/", "http://[ff02::1]/", "http://[ff0e::1]/",
        # inner networks
        "http://10.0.0.1/", "http://10.255.255.255/", "http://172.16.0.1/", "http://172.31.255.255/",
        "http://192.168.0.1/", "http://100.64.0.1/", "http://100.127.255.255/", "http://169.254.1.1/",
        "http://[fe80::1]/", "http://[febf::1]/", "http://[fc00::1]/", "http://[fdff::1]/", "http://[fec0::1]/",
        # metadata services
        "http://169.254.169.254/latest/meta-data/", "http://169.254.170.2/v2/credentials", "http://100.100.100.200/",
        "http://[fd00:ec2::254]/", "http://[fd20:ce::254]/", "http://[fd00:42::42]/", "http://[fd00:c1::a9fe:a9fe]/",
        "http://[fe80::a9fe:a9fe]/", "http://[::ffff:169.254.169.254]/", "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::169.254.169.254]/", "http://[64:ff9b:1::169.254.169.254]/", "http://[::a9fe:a9fe]/",
        "http://192.0.0.192/", "http://168.63.129.16/",
        # blocks for other purposes
        "http://192.0.0.1/", "http://192.0.2.1/", "http://198.51.100.1/", "http://203.0.113.1/", "http://198.18.0.1/",
        "http://198.19.255.255/", "http://192.88.99.1/", "http://240.0.0.1/", "http://[2001:db8::1]/",
        "http://[3fff::1]/", "http://[2001:2::1]/", "http://[2001:20::1]/", "http://[100::1]/", "http://[5f00::1]/",
        "http://[4000::1]/", "http://[200::1]/",
        # names
        "http://localhost:{p}/", "http://LOCALHOST:{p}/", "http://127.0.0.1.nip.example:{p}/",
        "http://mixed.example:{p}/", "http://mixed6.example:{p}/", "http://mapped.example:{p}/",
        "http://zone.example:{p}/", "http://metadata.google.internal/", "http://xn--nxasmq6b.example/",
        "http://a_b.example/", "http://127.0.0.1a:{p}/",
    ],
    Cause.HOST: [
        # other spellings of numbers
        "http://127.1:{p}/", "http://127.0.1:{p}/", "http://2130706433:{p}/", "http://0x7f000001:{p}/",
        "http://0x7f.0.0.1:{p}/", "http://0x7F.0x0.0x0.0x1:{p}/", "http://0177.0.0.1:{p}/", "http://017700000001:{p}/",
        "http://127.0.0.01:{p}/", "http://127.000.000.001:{p}/", "http://0:{p}/", "http://0x0:{p}/", "http://1.2.3/",
        "http://256.256.256.256/", "http://127.0.0.1.1:{p}/", "http://a.0x7f:{p}/", "http://4294967297:{p}/",
        "http://127.0.0.0x1:{p}/", "http://0x:{p}/", "http://a.1/", "http://00.0.0.0:{p}/", "http://0.0:{p}/",
        "http://0x00000000:{p}/", "http://0000000000000000:{p}/", "http://0xa9fea9fe/", "http://2852039166/",
        "http://0251.0376.0251.0376/", "http://025177524776/", "http://169.16689662/", "http://0xA9.254.169.0376/",
        # other scripts and full-width forms
        "http://127。0。0。1:{p}/", "http://127．0．0．1:{p}/", "http://127｡0.0.1:{p}/", "http://１２７.0.0.1:{p}/",
        "http://①②⑦.⓪.⓪.①:{p}/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{p}/", "http://ｌocalhost:{p}/", "http://locaLhoſt:{p}/",
        "http://127\uff610\uff610\uff611:{p}/", "http://localhost\u3002:{p}/", "http://127.0.0.1\u3002nip.example:{p}/",
        "http://١٢٧.0.0.1:{p}/", "http://bücher.example/", "http://127.0.0.1․example/", "http://exa℀mple.example/",
        # percent signs, dots, brackets
        "http://%31%32%37.0.0.1:{p}/", "http://loc%61lhost:{p}/", "http://127.0.0.1%00.example.com:{p}/",
        "http://127.0.0.1%2f.example.com:{p}/", "http://127.0.0.1%23:{p}/", "http://127.0.0.1.:{p}/",
        "http://localhost.:{p}/", "http://.localhost:{p}/", "http://a..example/", "http://./", "http://:{p}/",
        "http:///127.0.0.1:{p}/", "http://?x", "http://#x", "http://", "http://[127.0.0.1]:{p}/",
        "http://[localhost]:{p}/", "http://[::1:{p}/", "http://::1:{p}/", "http://::1/", "http://[::1]x:{p}/",
        "http://x[::1]:{p}/", "http://[[::1]]:{p}/", "http://[]:{p}/", "http://[v1.::1]:{p}/", "http://[::1/64]:{p}/",
        "http://[::1%lo]:{p}/", "http://[::1%25lo]:{p}/", "http://[fe80::1%25eth0]/", "http://[::ffff:0x7f.1]:{p}/",
        "http://[::ffff:127.0.0.01]:{p}/", "http://[1::2::3]/", "http://[00001::]/",
        # characters that no host has
        "http://-a.example/", "http://a-.example/", "http://example.com|127.0.0.1:{p}/", "http://127.0.0.1;a:{p}/",
        "http://127.0.0.1,a:{p}/", "http://127.0.0.1&a:{p}/", "http://127.0.0.1'a:{p}/", "http://*/", "http://a+b/",
        "http://" + "a" * 64 + ".example/",
        "http://" + "a." * 130 + "example/",
    ],
    Cause.URL: [
        # user names and passwords
        "http://a@127.0.0.1:{p}/", "http://example.com@127.0.0.1:{p}/", "http://example.com:80@127.0.0.1:{p}/",
        "http://@127.0.0.1:{p}/", "http://:@127.0.0.1:{p}/", "http://a@b@127.0.0.1:{p}/", "http://[::1]@[::1]:{p}/",
        "http://127.0.0.1:{p}@example.com/", "http://example.com%40@127.0.0.1:{p}/",
        # backslashes, blanks, controls, marks
        "http://example.com\\@127.0.0.1:{p}/", "http:\\\\127.0.0.1:{p}\\", "http://127.0.0.1:{p}\\@example.com/",
        "http://127.0.0.1\t:{p}/", "ht\ttp://127.0.0.1:{p}/", "http://127.0.0.1:{p}/\n", "\nhttp://127.0.0.1:{p}/",
        " http://127.0.0.1:{p}/", "http://127.0.0.1:{p}/ HTTP/1.1\r\nX: y", "http://127.0.0.1\x00.example.com/",
        "http://127.0.0.1\u200b:{p}/", "http://127.0.0.1\u00ad:{p}/", "http://\u202e127.0.0.1:{p}/",
        "http://127.0.0.1:{p}/\u2028", "http://127.0.0.1:{p}/\ud800", "\ufeffhttp://127.0.0.1:{p}/",
        "http://127.0.0.1:{p}/\x7f",
        # no address of the web
        "", "//127.0.0.1:{p}/", "/x", "127.0.0.1:{p}/", "[::1]:{p}", "http:127.0.0.1:{p}", "http:/127.0.0.1:{p}/",
        "http:", "http", "ｈttp://127.0.0.1:{p}/", "?http://127.0.0.1:{p}/", "http://127.0.0.1:{p}/" + "a" * 4_096,
    ],
    Cause.SCHEME: [
        "file:///etc/passwd", "gopher://127.0.0.1:{p}/_GET", "ftp://127.0.0.1:{p}/", "dict://127.0.0.1:{p}/",
        "ldap://127.0.0.1:{p}/", "data:image/png;base64,AAAA", "jar:http://127.0.0.1:{p}/!/", "ws://127.0.0.1:{p}/",
        "javascript:alert(1)", "unix:/run/x.sock", "http+unix://%2Frun%2Fx/", "localhost:{p}/", "url:http://a/",
        "view-source:http://127.0.0.1:{p}/", "httpx://127.0.0.1:{p}/",
    ],
    Cause.PORT: [
        "http://example.com:0/", "http://example.com:22/", "http://example.com:25/", "http://example.com:6379/",
        "http://127.0.0.1:25/", "http://example.com:65536/", "http://example.com:99999999999999999999/",
        "http://example.com:080/", "http://example.com:/", "http://example.com:+80/", "http://example.com:-1/",
        "http://example.com:8e1/", "http://example.com:٨٠/", "http://example.com:８０/", "http://example.com:80a/",
        "http://example.com:%38%30/", "http://[::1]:/", "http://[::1]:22/",
        "http://127.0.0.1:{p}:80/", "http://127.0.0.1:{p}]/",
    ],
    Cause.RESOLVE: ["http://nobody.example/", "http://odd.example/", "http://many.example/", "http://intranet/"],
}  # fmt: skip
CASES = [(cause, url) for cause, urls in SPELLINGS.items() for url in urls]


@pytest.fixture(scope="module")
def inner() -> Iterator[Inside]:
    """Listeners that nobody may reach."""
    with inside() as listeners:
        yield listeners


def test_the_table_is_long_and_each_row_is_another() -> None:
    """More than two hundred spellings, none twice."""
    assert len(CASES) == len({url for _, url in CASES}) > 200


@pytest.mark.parametrize(("cause", "spelling"), CASES, ids=[ascii(url)[1:60] for _, url in CASES])
async def test_a_spelling_is_refused_for_its_cause(inner: Inside, cause: Cause, spelling: str) -> None:
    """No connection is made, and what a stranger sees of the refusal is one word."""
    names = Names(INNER)
    with pytest.raises(Blocked) as refused:
        await GuardedHttp(resolve=names).fetch(spelling.replace("{p}", str(inner.port)), rules(inner.port))
    assert refused.value.cause is cause, refused.value.problem
    assert str(refused.value) == cause.value
    assert refused.value.problem
    assert len(names.asked) <= 1
    assert inner.hits() == 0


def test_the_inner_listeners_do_count(inner: Inside) -> None:
    """A guard that is never reached proves nothing; this one notices whoever comes."""
    for listener in inner.sockets:
        socket.create_connection(listener.getsockname()[:2]).close()
    assert inner.hits() == len(inner.sockets) == 4
    assert inner.hits() == 0


def test_a_stranger_cannot_tell_an_inner_name_from_none() -> None:
    """Otherwise the guard would be a directory of the inner network."""
    assert Cause.ADDRESS.public is Cause.RESOLVE
    assert [cause for cause in Cause if cause.public is not cause] == [Cause.ADDRESS]


PIECES = st.sampled_from(
    ["http", "https", "HTTP", "file", ":", "//", "/", "\\", "@", "#", "?", "[", "]", ".", "%", "%25", "%00", "%2e",
     "127.0.0.1", "127", "0", "1", "0x7f", "017700000001", "2130706433", "::1", "::ffff:127.0.0.1", "localhost",
     "example.com", "169.254.169.254", ":80", ":{p}", "。", "１", "\t", "\n", " ", "\x00", "xn--", "-", "a", ";", "&"]
)  # fmt: skip
SEEDS = st.sampled_from([url for _, url in CASES if len(url) < 200])


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A row of the table with pieces put in, taken out or replaced; or pieces alone."""
    text = draw(st.one_of(SEEDS, st.lists(PIECES, max_size=12).map("".join)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        until = at + draw(st.integers(0, 3))
        text = text[:at] + draw(st.one_of(PIECES, st.text(max_size=2))) + text[until:]
    return text


@given(mutated())
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_mutation_reaches_inside_or_ends_untyped(inner: Inside, text: str) -> None:
    """Whatever is written: a typed refusal, or addresses of the public internet alone (which are not connected to)."""
    url = text.replace("{p}", str(inner.port))
    http, bounds = GuardedHttp(resolve=Names(INNER, anything=["127.0.0.1"])), rules(inner.port, networks=())

    async def attempt() -> None:
        try:
            addresses = await admitted(read_url(url), bounds, Names(INNER, anything=["127.0.0.1"]))
        except Blocked:
            with pytest.raises(Blocked):
                await http.fetch(url, bounds)
        else:
            assert all(ip_address(str(address)).is_global for address in addresses)

    asyncio.run(attempt())
    assert inner.hits() == 0
