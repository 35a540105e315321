"""Names of hosts: those in URLs and host fields, and whatever else looks like one and is no file."""

from __future__ import annotations

import re
from typing import Final

from mattegate.doctor.causes import causes
from mattegate.doctor.render.stand_ins.book import Book, is_stand_in

_NAME: Final = re.compile(
    r"(?<![\w.@%-])(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.){1,8}(?:[A-Za-z]{2,24}|xn--[A-Za-z0-9-]{2,40})"
    r"(?![\w-]|\.\w)"
)
_IN_URL: Final = re.compile(
    r"(://(?:[^\s/@\"'<>]{0,256}(?:\(len [^)]{1,90}\))?@)?)([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?)"
)  # fmt: skip
_IN_FIELD: Final = re.compile(
    r"((?i:\bhost|\bhostname|\bsni)\"?\s{0,4}[:=]\s{0,4}\"?)([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?=[\s\",;:]|$)"
)
_IN_SERVER_NAME: Final = re.compile(r"(\bserver_name\s{1,20})([^;{}]{1,4000})(?=;)")

_RESERVED: Final = re.compile(
    r"(?i)(?:.*\.)?(?:example(?:\.(?:com|net|org))?|invalid|localhost)|localhost\.localdomain"
    r"|(?:host|gateway)\.docker\.internal|metadata\.google\.internal"
)
"""Nobody's (RFC 2606, RFC 6761), or everybody's own."""
_NOBODY: Final = frozenset(
    {"localhost", "unix", "nginx", "upstream", "backend", "default", "app", "api", "web", "server", "client", "proxy"}
)
"""Short names that everybody gives."""

_AWS: Final = (
    r"(?:execute-api|appsync-api|lambda-url|s3(?:-website|-accesspoint)?|elb|es|dkr\.ecr|auth|vpce|compute(?:-1)?)"
    r"(?:[.-][a-z0-9-]{1,30}){0,3}"
)
_SERVICES: Final = re.compile(
    rf"(?i)(?P<own>.{{1,200}}?)\.(?P<service>(?:{_AWS}\.)?amazonaws\.com(?:\.cn)?"
    r"|(?:lambda-url\.[a-z0-9-]{1,30}\.)?on\.aws|cloudfront\.net|amazoncognito\.com|elasticbeanstalk\.com"
    r"|awsglobalaccelerator\.com|azure-api\.net|azurefd\.net|azureedge\.net|azurewebsites\.net|trafficmanager\.net"
    r"|cloudapp\.azure\.com|(?:blob\.)?core\.windows\.net|run\.app|appspot\.com|cloudfunctions\.net|web\.app"
    r"|firebaseapp\.com|storage\.googleapis\.com|workers\.dev|pages\.dev|trycloudflare\.com|cdn\.cloudflare\.net|r2\.dev"
    r"|herokuapp\.com|herokudns\.com|vercel\.app|netlify\.app|fly\.dev|onrender\.com|railway\.app"
    r"|ngrok(?:-free)?\.(?:io|app)|hf\.space|github\.io|akamaiedge\.net|edgekey\.net|akamaized\.net|edgesuite\.net"
    r"|fastly\.net|sucuri\.net|incapdns\.net|impervadns\.net|aliyuncs\.com|alicdn\.com|myqcloud\.com|tencentcos\.cn"
    r"|cdn\.dnsv1\.com|myhuaweicloud\.com|bcebos\.com|ctyuncdn\.net|(?:svc\.)?cluster\.local|compute\.internal)"
)
"""Names whose end says which service answers, and whose beginning is somebody's own."""
_REGION: Final = r"(?:\.[a-z]{2}(?:-[a-z]{2,12}){1,3}-\d)?"
_PUBLIC: Final = re.compile(
    r"(?i)(?:[a-z0-9-]{1,63}\.){0,4}(?:cloudflare\.com|github\.com|githubusercontent\.com|huggingface\.co|hf\.co"
    r"|nginx\.(?:org|com|net)|apache\.org|mozilla\.org|w3\.org|ietf\.org|rfc-editor\.org|python\.org|docker\.(?:com|io)"
    r"|aws\.amazon\.com|repost\.aws|learn\.microsoft\.com|cloud\.google\.com|letsencrypt\.org|schema\.org|haproxy\.org"
    r"|owasp\.org|coreruleset\.org|modsecurity\.org|openssl\.org|curl\.se)|errors\.edgesuite\.net"
    rf"|(?:s3|sts|iam|execute-api|lambda|sqs|sns|dynamodb|ec2|logs|kms|secretsmanager|cognito-idp){_REGION}\.amazonaws\.com"
    r"|amazonaws\.com|cloudfront\.net"
)
"""Known to everybody, and nobody's secret."""
_ENDS: Final = """
conf cfg cnf ini toml yml yaml json jsonl xml html htm txt log py pyc js mjs ts jsx tsx css php pl rb go rs java jar
lua sh bash pem crt cer key csr p12 pfx der sock socket service timer pid so png jpg jpeg webp gif svg ico pdf avif heic
bmp tiff zip gz tgz tar bz xz md har env htpasswd htaccess types default template tmpl tpl bak orig dist list db sqlite
onnx safetensors gguf bin dat csv tsv lock map wasm params
"""
_FILES: Final = frozenset(_ENDS.split())


def hide_hosts(text: str, book: Book) -> str:
    """``text`` with stand-ins for names of hosts."""
    text = _IN_URL.sub(lambda found: found[1] + host(found[2], book), text)
    text = _IN_FIELD.sub(lambda found: found[1] + host(found[2], book), text)
    text = _IN_SERVER_NAME.sub(lambda found: found[1] + _served(found[2], book), text)
    return _NAME.sub(lambda found: _perhaps(found[0], book), text)


def host(name: str, book: Book) -> str:
    """What stands in for a name of a host."""
    service = _SERVICES.fullmatch(name)
    if _kept(name, service):
        return name
    if service is not None:
        return f"{own(service['own'], book)}.{service['service']}"
    if "." not in name:
        return book.stand_in("host", name.lower(), "the short name of a host", lambda number: f"host-{number}")
    return book.stand_in("host", name.lower(), "the name of a host", lambda number: f"host-{number}.example")


def own(name: str, book: Book) -> str:
    """What stands in for somebody's own part of a service: an interface, a bucket, a distribution."""
    if is_stand_in(name):
        return name
    return book.stand_in("api", name.lower(), "somebody's own part of a service", lambda number: f"api-{number}")


def _kept(name: str, service: re.Match[str] | None) -> bool:
    if name.lower() in _NOBODY or name.replace(".", "").isdigit() or _PUBLIC.fullmatch(name):
        return True
    return service is None and bool(is_stand_in(name) or _RESERVED.fullmatch(name))


def _perhaps(name: str, book: Book) -> str:
    """What only looks like a name of a host may be that of a file, a code or a module."""
    rest, _, last = name.rpartition(".")
    if last.lower() in _FILES:
        return f"{_perhaps(rest, book)}.{last}" if "." in rest else name
    told_apart = "_" in name or name.startswith("vnd.") or not any(char.isalpha() for char in rest)
    return name if told_apart or name in causes() else host(name, book)


def _served(names: str, book: Book) -> str:
    """The names of a ``server_name``; wildcards and patterns keep their form."""
    return _WORD.sub(lambda name: _served_name(name[0], book), names)


_WORD: Final = re.compile(r"[^\s]{1,255}")


def _served_name(name: str, book: Book) -> str:
    bare = name.removeprefix("*.").removeprefix(".")
    if name.startswith("~") or not bare.strip('_"'):
        return name
    return name[: len(name) - len(bare)] + host(bare, book)
