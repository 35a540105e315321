"""What ModSecurity and the Core Rule Set make of uploads, against the real engine in a real nginx.

The model may abstain; where it is sure, nginx agrees.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from mattegate.doctor.answer import Certainty, Verdict
from mattegate.doctor.nginx.model import predict
from mattegate.doctor.nginx.request import Outcome, Prediction, Request
from mattegate.doctor.nginx.review.run import review_tree
from mattegate.doctor.nginx.tree import Tree, read_file, read_text
from tests.doctor.nginx.answering import review
from tests.doctor.nginx.rig import NotStarted, Rig, standing_rig

_MODULE: Final = Path("/usr/lib/nginx/modules/ngx_http_modsecurity_module.so")
_CRS: Final = Path("/usr/share/modsecurity-crs")
_ETC: Final = Path("/etc/modsecurity")
_UPLOAD: Final = "/v1/remove-bg"
_MOST: Final = 30_000
"""Less than what is usual, so that no test sends megabytes."""
_LIMITS: Final = f"SecRequestBodyAccess On\nSecRequestBodyLimit {_MOST}\nSecRequestBodyLimitAction Reject\n"
_READABLE: Final = 'SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,t:none,log,deny,status:400,msg:\'unreadable\'"\n'
"""The first rule of modsecurity.conf-recommended on the body."""
_CORE: Final = f"Include crs-setup.conf\nInclude {_CRS}/rules/*.conf\n"
_WITH_CRS: Final = f"SecRuleEngine On\n{_LIMITS}{_READABLE}{_CORE}"
_SITE: Final = """load_module %s;
{{head}}
http { {{http_head}} keepalive_timeout 0; client_max_body_size 0; modsecurity on;
  %s
  server { listen 127.0.0.1:{{port}}; server_name a.example; root {{root}};
    location / { proxy_pass http://{{upstream}}; }
    location /answered { return 204; }
    location /off/ { modsecurity off; proxy_pass http://{{upstream}}; }
    location /closed/ { deny all; proxy_pass http://{{upstream}}; }
    location /moved/ { rewrite ^/moved(.*) $1 last; }
    location /own/ {
      modsecurity_rules 'SecRuleRemoveById 911100 920420';
      proxy_pass http://{{upstream}};
    }
    location /watched/ { modsecurity_rules 'SecRuleEngine DetectionOnly'; proxy_pass http://{{upstream}}; }
    location /small/ { modsecurity_rules 'SecRequestBodyLimit 5000'; proxy_pass http://{{upstream}}; }
  }
}
"""


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """nginx with the module."""
    if not _MODULE.exists() or not _CRS.exists():
        pytest.skip("ModSecurity or its Core Rule Set is not installed")
    with standing_rig() as standing:
        yield standing


def _started(rig: Rig, rules: str, site: str = _SITE, **others: str) -> Tree:
    """nginx with these rules, and what the model reads of it."""
    text = rig.filled(site % (_MODULE, f"modsecurity_rules_file {rig.site.folder}/main.conf;"))
    setup = (_ETC / "crs" / "crs-setup.conf").read_text()
    rig.start(text, others={"main.conf": rules, "crs-setup.conf": setup} | others)
    return read_file(rig.site.folder / "nginx.conf", [rig.site.folder, _CRS, _ETC])


def _asked(rig: Rig, target: str, method: str = "POST", kind: str = "", size: int = 0) -> Request:
    given = [("User-Agent", "mattegate"), ("Accept", "*/*")]
    given += [("Content-Type", kind)] if kind else []
    return Request(method, target, "a.example", tuple(given), "127.0.0.1", rig.ports[0], body_bytes=size)


def _disagreement(rig: Rig, tree: Tree, request: Request) -> str:
    """How nginx differs from what the model is sure of; empty where it does not."""
    said = predict(tree, request)
    reply = rig.send(request)
    passed = bool(rig.upstream.arrivals)
    seen = f"{request.method} {request.target} {request.headers} {request.body_bytes}: real {reply.status}"
    if said.outcome is Outcome.ANSWERS and (passed or reply.status != said.status):
        return f"{seen}; model answers {said.status} by {said.mechanism}"
    if said.outcome is Outcome.FORWARDS and not passed and not said.doubts:
        return f"{seen}; model forwards without a doubt"
    return ""


def _all_agree(rig: Rig, tree: Tree, requests: Iterator[Request]) -> None:
    wrong = [found for request in requests if (found := _disagreement(rig, tree, request))]
    assert not wrong, "\n".join(wrong)


_KINDS: Final = (
    ("image/jpeg", 6_000), ("image/png", _MOST + 1), ("image/png", _MOST), ("multipart/form-data; boundary=b", 6_000),
    ("multipart/form-data; boundary=b", 50_000), ("application/json", 300), ("application/json", 50_000),
    ("application/x-www-form-urlencoded", 200), ("application/octet-stream", 10), ("", 0),
)  # fmt: skip
_PLACES: Final = (
    _UPLOAD,
    "/off/x",
    "/own/x",
    "/watched/x",
    "/small/x",
    "/closed/x",
    "/answered",
    "/moved/v1/remove-bg",
)


def _uploads(rig: Rig) -> Iterator[Request]:
    for method, (kind, size) in itertools.product(("POST", "PUT", "DELETE"), _KINDS):
        yield _asked(rig, _UPLOAD, method, kind, size)
    for place, (kind, size) in itertools.product(_PLACES[1:], _KINDS[::3]):
        yield _asked(rig, place, "POST", kind, size)
    for place, method in itertools.product(_PLACES, ("GET", "HEAD", "OPTIONS", "DELETE")):
        yield _asked(rig, place, method)


@pytest.mark.parametrize("engine", ["On", "DetectionOnly", "Off"])
def test_what_the_core_rules_make_of_uploads(rig: Rig, engine: str) -> None:
    """Types, methods, sizes and places of uploads get from the Core Rule Set what the model is sure of."""
    tree = _started(rig, _WITH_CRS.replace("SecRuleEngine On", f"SecRuleEngine {engine}"))
    assert not tree.problems
    _all_agree(rig, tree, _uploads(rig))


@pytest.mark.parametrize("action", ["Reject", "ProcessPartial"])
def test_the_core_rules_alone_take_the_limit_back(rig: Rig, action: str) -> None:
    """Without a rule before them that does not match, the Core Rule Set lets bodies over the limit pass."""
    tree = _started(rig, f"SecRuleEngine On\n{_LIMITS.replace('Reject', action)}{_CORE}")
    _all_agree(rig, tree, (_asked(rig, _UPLOAD, "POST", kind, size) for kind, size in _KINDS))


def test_what_a_setup_of_ones_own_allows(rig: Rig) -> None:
    """Methods, types, the level and the threshold are those of the setup, also where it admits more."""
    action = (
        "SecAction \"id:900200,phase:1,nolog,pass,t:none,setvar:'tx.allowed_methods=GET HEAD POST OPTIONS PUT DELETE',"
        "setvar:'tx.allowed_request_content_type=|image/jpeg| |image/png| |multipart/form-data|',"
        'setvar:tx.paranoia_level=2,setvar:tx.inbound_anomaly_score_threshold=7"\n'
    )
    tree = _started(rig, _WITH_CRS.replace("Include crs-setup.conf", f"{action}Include crs-setup.conf"))
    _all_agree(rig, tree, _uploads(rig))
    assert predict(tree, _asked(rig, _UPLOAD, "DELETE")).outcome is Outcome.FORWARDS


_OWN: Final = r"""SecRuleEngine On
SecRequestBodyAccess %s
SecDefaultAction "phase:1,log,deny,status:406"
SecRule REMOTE_ADDR "@ipMatch 127.0.0.2,10.0.0.0/8" "id:1,phase:1,deny,status:418"
SecRule REQUEST_HEADERS:X-Bad "@streq yes" "id:2,phase:1,deny,status:451"
SecRule REQUEST_HEADERS:User-Agent "@contains curl" "id:3,phase:2,deny,status:429"
SecRule REQUEST_URI "@beginsWith /secret" "id:4,phase:1,drop"
SecRule ARGS:q "@rx ^(?i)drop\s+table" "id:5,phase:2,t:none,t:urlDecodeUni,deny"
SecRule REQUEST_METHOD "@within TRACE PATCH" "id:6,phase:1,block"
SecRule REQUEST_HEADERS:X-Skip "@streq 1" "id:7,phase:1,pass,nolog,skipAfter:END"
SecRule REQUEST_URI "@contains /deep/" "id:8,phase:1,chain,deny,status:402"
  SecRule &REQUEST_HEADERS:X-Key "@eq 0" "t:none"
SecMarker END
SecRule REQUEST_HEADERS:X-Trusted "@streq 1" "id:9,phase:1,pass,nolog,ctl:ruleEngine=Off"
SecRule REQUEST_HEADERS:X-Spared "@streq 1" "id:10,phase:1,pass,nolog,ctl:ruleRemoveById=12"
SecRule REQUEST_HEADERS:X-Points "@rx (\d+)" "id:11,phase:1,pass,capture,setvar:tx.points=+%%{tx.1}"
SecRule TX:points "@ge 5" "id:12,phase:2,deny,status:409"
SecRule REQUEST_HEADERS:X-Free "@streq 1" "id:13,phase:1,allow:request"
SecRule REQUEST_HEADERS:X-Odd "!@rx ^[a-z]+$" "id:14,phase:2,t:lowercase,deny,status:403"
SecRule REQUEST_COOKIES:a|!REQUEST_COOKIES:b|ARGS_NAMES "@streq bad" "id:15,phase:1,deny,status:416"
SecAction "id:16,phase:1,nolog,pass,setvar:tx.seen=1"
SecRule TX:SEEN "!@eq 1" "id:17,phase:2,deny,status:500"
"""
_HEADERS: Final[tuple[dict[str, str], ...]] = (
    {}, {"X-Bad": "yes"}, {"X-Bad": "no"}, {"User-Agent": "curl/8"}, {"X-Skip": "1"}, {"X-Key": "k"},
    {"X-Trusted": "1", "User-Agent": "curl/8"}, {"X-Points": "7"}, {"X-Points": "4"}, {"X-Points": "none"},
    {"X-Points": "9", "X-Spared": "1"}, {"X-Free": "1", "X-Points": "9"}, {"X-Odd": "ABC"}, {"X-Odd": "a1"},
    {"Cookie": "a=bad; b=1"}, {"Cookie": "b=bad"}, {"X-Trusted": "1", "X-Bad": "yes"},
)  # fmt: skip
_TARGETS: Final = (
    "/", "/secret/x", "/x?q=drop%20table", "/x?q=DROP+TABLE", "/a/deep/b", "/secret%2fx", "/x?bad=1", "/moved/secret/x",
    "/answered", "/closed/x", "/off/secret", "/watched/secret",
)  # fmt: skip


@pytest.mark.parametrize("access", ["On", "Off"])
def test_rules_of_ones_own(rig: Rig, access: str) -> None:
    """Addresses, headers, paths and arguments that own rules refuse, skip, score and free are judged as they are."""
    tree = _started(rig, _OWN % access)
    requests = (
        replace(_asked(rig, target, method), client=client, headers=tuple(headers.items()))
        for target, headers in itertools.product(_TARGETS, _HEADERS)
        for method, client in (("GET", "127.0.0.1"), ("PATCH", "127.0.0.1"), ("POST", "127.0.0.2"))
    )
    _all_agree(rig, tree, requests)


def test_no_doubt_where_every_rule_is_understood(rig: Rig) -> None:
    """Own rules of which none is strange leave no doubt about a request that none of them means."""
    tree = _started(rig, _OWN % "On")
    assert not predict(tree, _asked(rig, "/")).doubts


def test_the_old_rule_for_boundaries_refuses_every_upload(rig: Rig) -> None:
    """A modsecurity.conf of ModSecurity 2 denies multipart uploads, and the finding names its rule and the cure."""
    old = "\"id:200004,phase:2,t:none,log,deny,msg:'unmatched boundary'\""
    tree = _started(rig, f'SecRuleEngine On\n{_LIMITS}SecRule MULTIPART_UNMATCHED_BOUNDARY "!@eq 0" {old}\n')
    request = _asked(rig, _UPLOAD, "POST", "multipart/form-data; boundary=b", 6_000)
    assert rig.send(request).status == 403
    (finding,) = review(tree, request).findings
    assert (finding.cause, finding.culprit[0].line) == ("waf.modsecurity_boundary", 5)
    cured = _started(rig, f'SecRuleEngine On\n{_LIMITS}SecRule MULTIPART_UNMATCHED_BOUNDARY "@eq 1" {old}\n')
    assert rig.send(request).status == 200
    assert predict(cured, request).outcome is Outcome.FORWARDS


@pytest.mark.parametrize(
    ("request_", "cause", "status"),
    [
        (("POST", "image/jpeg", 6_000), "waf.crs_content_type", 403),
        (("POST", "multipart/form-data; boundary=b", 50_000), "waf.modsecurity_body_limit", 403),
        (("DELETE", "", 0), "waf.crs_method", 403),
    ],
)
def test_a_refusal_is_told_with_its_line_and_the_remedy_mends_it(
    rig: Rig, request_: tuple[str, str, int], cause: str, status: int
) -> None:
    """The finding names file and line, and what it says to do lets the real nginx pass the request on."""
    tree = _started(rig, _WITH_CRS)
    request = _asked(rig, _UPLOAD, *request_)
    assert rig.send(request).status == status
    finding = review(tree, request).findings[0]
    assert (finding.cause, finding.certainty, finding.status) == (cause, Certainty.PROVEN, status)
    place = finding.culprit[0]
    assert Path(place.file).read_text().split("\n")[place.line - 1].split()[0] == place.text.split()[0]
    found = re.search(r"(modsecurity_rules '[^']+';)", finding.remedy)
    assert found is not None
    mended = _SITE.replace("location / {", f"location / {{ {found[1]} ")
    _started(rig, _WITH_CRS, mended)
    assert rig.send(request).status == 200


def test_what_was_not_read_leaves_a_doubt(rig: Rig) -> None:
    """Rules outside of the roots, or on another machine, are named, and the verdict is open."""
    text = rig.filled(_SITE % (_MODULE, f"modsecurity_rules_file {rig.site.folder}/main.conf;"))
    rig.start(text, others={"main.conf": _OWN % "On"})
    elsewhere = rig.site.folder / "www"
    answer = review(read_file(rig.site.folder / "nginx.conf", [elsewhere]), _asked(rig, "/x"))
    assert answer.verdict is Verdict.UNDECIDED
    assert any("main.conf" in sentence for sentence in answer.not_checked)


_REMOTE: Final = "http { modsecurity on; modsecurity_rules_remote key https://rules.example/; server { return 204; } }"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (_REMOTE, "another machine"),
        ("http { modsecurity on; modsecurity_rules_file rules.conf; server { } }", "started in is not known"),
        ("http { modsecurity on; modsecurity_rules 'Include x.conf'; server { } }", "started in is not known"),
        ("server { modsecurity on; location / { proxy_pass http://b; } }", "outside of this piece"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, says: str) -> None:
    """Each way in which rules stay unknown has its sentence."""
    said = review(read_text(text), Request("POST", _UPLOAD, "a.example")).not_checked
    assert any(says in sentence for sentence in said)


def test_without_rules_it_refuses_nothing() -> None:
    """``modsecurity on`` alone has nothing to refuse by."""
    text = "http { modsecurity on; server { listen 80; location / { proxy_pass http://b; } } }"
    assert not predict(read_text(text), Request("POST", "/", "a.example")).doubts


def test_a_missing_rule_file_stops_nginx(rig: Rig) -> None:
    """A rule file that is not there is a configuration that nginx does not start with."""
    text = rig.filled(_SITE % (_MODULE, f"modsecurity_rules_file {rig.site.folder}/nowhere.conf;"))
    with pytest.raises(NotStarted):
        rig.start(text)
    tree = read_file(rig.site.folder / "nginx.conf", [rig.site.folder])
    (clue,) = [clue for clue in review_tree(tree).clues if clue.cause == "config.refused"]
    assert "nowhere.conf" in clue.culprit[0].text


@pytest.mark.parametrize("line", ["SecRequestBodyInMemoryLimit 131072", "SecChrootDir /srv", "SecTmpDir /tmp/"])
def test_lines_of_version_two_stop_nginx(rig: Rig, line: str) -> None:
    """What version 3 no longer takes is told with its line; what it only ignores is not."""
    text = rig.filled(_SITE % (_MODULE, f"modsecurity_rules_file {rig.site.folder}/main.conf;"))
    started = True
    try:
        rig.start(text, others={"main.conf": f"SecRuleEngine On\n{line}\n"})
    except NotStarted:
        started = False
    tree = read_file(rig.site.folder / "nginx.conf", [rig.site.folder])
    told = [clue.culprit[0].line for clue in review_tree(tree).clues if clue.cause == "config.refused"]
    assert told == ([] if started else [2])


def _sure(tree: Tree, request: Request) -> Prediction:
    prediction = predict(tree, request)
    assert prediction.outcome is Outcome.ANSWERS
    return prediction


def test_inline_rules_count_lines_of_the_configuration() -> None:
    """The line that decides is that of the configuration, also inside a long argument."""
    rules = 'SecRuleEngine On\n  SecAction "id:1,phase:1,deny"'
    text = f"http {{\n modsecurity on;\n modsecurity_rules '\n  {rules}';\n server {{ }} }}"
    decided = _sure(read_text(text), Request("GET", "/", "a.example")).decided_by
    assert decided is not None
    assert (decided.name, decided.line) == ("SecAction", 5)
