"""AWS: API Gateway's access and execution logs, WAF's, and the load balancer's. CloudFront's are :mod:`.cloudfront`'s.

Names: API Gateway's ``$context`` variables (developer guide, access logging), WAF's log fields, ALB's access log
entries. An access log's members are named by each site; those that resemble a ``$context`` variable are also told by
its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.logs.combined import STATUS
from mattegate.doctor.readers.logs.formats import PASSES, SPACED, Format, Sketch, refused
from mattegate.doctor.readers.logs.json_lines import STATUS as JSON_STATUS
from mattegate.doctor.readers.logs.json_lines import document, first, flat, headers, matters
from mattegate.doctor.readers.logs.keys import by_line, by_members, by_rest
from mattegate.doctor.readers.logs.line import Line, RequestLine, observed, request_line, shown, status_of, target
from mattegate.doctor.readers.logs.moments import moment

# --- API Gateway, access log -------------------------------------------------------------------------------------

_CONTEXT: Final = [
    "error.message",
    "error.messageString",
    "error.responseType",
    "error.validationErrorString",
    "authorizer.error",
    "authorizer.status",
    "authorizer.integrationStatus",
    "authorizer.principalId",
    "authorize.error",
    "authorize.status",
    "authenticate.error",
    "authenticate.status",
    "integration.error",
    "integration.status",
    "integrationErrorMessage",
    "integrationStatus",
    "integration.integrationStatus",
    "waf.error",
    "waf.status",
    "wafResponseCode",
    "webaclArn",
    "identity.apiKeyId",
    "identity.apiKey",
    "identity.sourceIp",
    "identity.userArn",
    "identity.vpceId",
    "identity.vpcId",
    "identity.clientCert.issuerDN",
    "routeKey",
    "resourcePath",
    "requestId",
    "extendedRequestId",
    "apiId",
    "stage",
    "domainName",
    "path",
    "httpMethod",
    "protocol",
    "responseType",
    "customDomain.basePathMatched",
]
_BY_LETTERS: Final = {name.replace(".", "").lower(): name for name in _CONTEXT} | {
    "errormessage": "error.message",
    "errorresponsetype": "error.responseType",
    "autherror": "authorizer.error",
    "authorizererrormessage": "authorizer.error",
    "apikeyid": "identity.apiKeyId",
    "integrationerror": "integrationErrorMessage",
    "integrationerrormessage": "integrationErrorMessage",
    "wafstatus": "waf.status",
    "waferror": "waf.error",
    "ip": "identity.sourceIp",
    "sourceip": "identity.sourceIp",
}
_LETTERS: Final = re.compile(r"[^A-Za-z0-9]")
_GATEWAY_NAMES: Final = frozenset(
    {"requestId", "routeKey", "resourcePath", "apiId", "extendedRequestId", "domainName", "integrationStatus", "stage"}
)
_NOT_GATEWAY: Final = frozenset(
    {"terminatingRuleId", "RouterName", "DownstreamStatus", "remote_addr", "response_flags"}
)
_SOURCE: Final = ("ip", "sourceIp", "identity.sourceIp", "source_ip", "clientIp", "identity_sourceIp")
_METHOD: Final = ("httpMethod", "method", "http_method")
_PATH: Final = ("path", "requestPath", "resourcePath", "routeKey", "rawPath")
_TIME: Final = ("requestTime", "requestTimeEpoch", "requestTimestamp", "timestamp", "time")
_HOST: Final = ("domainName", "host")
_TELLING: Final = (
    "error.responseType",
    "error.message",
    "authorizer.error",
    "integrationStatus",
    "routeKey",
    "apiId",
    "stage",
)
_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def access_sketch(line: bytes) -> Sketch | None:
    """Status, who, what, and every text that explains."""
    found = document(line)
    if found is None or len(_GATEWAY_NAMES.intersection(found)) < 2 or _NOT_GATEWAY.intersection(found):
        return None
    status = first(found, ("status", "statusCode"))
    if not matters(status):
        return PASSES
    told = tuple(str(value) for name, value in flat(found) if "rror" in name or "essage" in name or "tatus" in name)
    asked = tuple(str(first(found, names)) for names in (_METHOD, _PATH, _SOURCE))
    return str(status), *asked, *told


def parse_access(line: Line) -> Observation | None:
    """An access line as JSON, whatever the site called the members."""
    found = document(line.text)
    if found is None:
        return None
    plain = dict(flat(found))
    named = {
        _BY_LETTERS[key]: value
        for name, value in plain.items()
        if (key := _LETTERS.sub("", name).lower()) in _BY_LETTERS
    }
    fields = {name: value for name, value in {**plain, **named}.items() if value not in ("", "-", None)}
    time, agent = shown(first(plain, _TIME)), shown(first(plain, ("userAgent", "identity.userAgent")))
    return observed(
        line,
        "aws-apigw-access",
        fields=fields | {"time": "" if moment(time) is not None else time},
        at=moment(time),
        client=shown(named.get("identity.sourceIp") or first(plain, _SOURCE)),
        status=status_of(shown(first(plain, ("status", "statusCode")))),
        message=shown(fields.get("error.message")),
        request_headers=(("user-agent", agent),) if agent else (),
        **_asked(plain).members,
    )


def _asked(found: Mapping[str, Any]) -> RequestLine:
    """The path that was asked for where it is logged, else the resource or route that matched (``$default`` is
    none)."""
    method, path = shown(first(found, _METHOD)), shown(first(found, _PATH))
    if " /" in path:  # routeKey: GET /items
        verb, _, path = path.partition(" ")
        method = method or verb
    asked = target(method, path if path.startswith("/") else "")
    protocol = shown(found.get("protocol"))
    version = protocol.removeprefix("HTTP/") if protocol.startswith("HTTP/") else ""
    return RequestLine(asked.method, asked.path, version, host=shown(first(found, _HOST)))


_COMMON: Final = rf'(\S+) (\S+) (\S+) \[([^\]\n]{{1,40}})\] ?"([^"\n]*)" (\d{{3}}) (\d+|-) ({_UUID})(?: (\S+))?'
_COMMON_TEXT, _COMMON_BYTES = re.compile(_COMMON), re.compile(_COMMON.encode())


def common_sketch(line: bytes) -> Sketch | None:
    """The same of the common log format, which ends with request ids."""
    found = _COMMON_BYTES.match(line)
    if found is None:
        return None
    return (found[6], found[1], found[5].partition(b"?")[0]) if refused(found[6]) else PASSES


def parse_common(line: Line) -> Observation | None:
    """One line of the common log format."""
    found = _COMMON_TEXT.match(line.text)
    if found is None:
        return None
    client, caller, user, time, request, status, length, request_id, extended = found.groups()
    fields = {
        "caller": caller,
        "user": user,
        "responseLength": length,
        "requestId": request_id,
        "extendedRequestId": extended,
    }
    return observed(
        line,
        "aws-apigw-access",
        fields={name: value for name, value in fields.items() if value != "-"},
        at=moment(time),
        client=client,
        status=status_of(status),
        **request_line(request).members,
    )


# --- API Gateway, execution log ----------------------------------------------------------------------------------

_EXECUTION: Final = re.compile(r"\(([0-9a-f]{8}-[0-9a-f-]{27})\) (.*)", re.DOTALL)
_EXECUTION_BYTES: Final = re.compile(_EXECUTION.pattern.encode(), re.DOTALL)
_EXECUTION_SAYS: Final = re.compile(
    rb"with status: [45]|not authorized|[Uu]nauthorized|[Ff]orbidden|[Aa]ccess denied|Access denied|denied"
    rb"|[Ii]nvalid|expired|"
    rb"exceeded|[Ff]ailed|failure|fault|explicit deny|not match|[Ee]rror|issuer|insecure|self.signed|Missing|does not"
)
_EXECUTION_DULL: Final = re.compile(
    rb"(?:Method|Endpoint) (?:request|response) (?:body|headers|query|path)|API Key authorized|Successfully"
)
_EXECUTION_FINDER: Final = re.compile(rb"\([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\) ")
_WITH_STATUS: Final = re.compile(r"completed with status: (\d{3})")
_RESOURCE: Final = re.compile(r"on resource: (arn:\S+)")
_HTTP_METHOD: Final = re.compile(r"HTTP Method: ([A-Z]+), Resource Path: (\S+)")
_IDS: Final = re.compile(rb"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")


def execution_sketch(line: bytes) -> Sketch | None:
    """The sentence without ids, of those that tell why."""
    found = _EXECUTION_BYTES.match(line)
    if found is None:
        return None
    said = found[2]
    if _EXECUTION_DULL.match(said) or not _EXECUTION_SAYS.search(said[:2048]):
        return PASSES
    return (_IDS.sub(b"0", said) if b"with status" not in said else said,)


def parse_execution(line: Line) -> Observation | None:
    """One line of the execution log; they belong together by the request id."""
    found = _EXECUTION.match(line.text)
    if found is None:
        return None
    request_id, said = found[1], found[2].strip()
    status, resource, asked = _WITH_STATUS.search(said), _RESOURCE.search(said), _HTTP_METHOD.search(said)
    fields = {"requestId": request_id, "resource": resource[1] if resource else ""}
    return observed(
        line,
        "aws-apigw-execution",
        fields=fields,
        message=said,
        status=status_of(status[1]) if status else None,
        method=asked[1] if asked else "",
        path=asked[2] if asked else "",
    )


# --- WAF ---------------------------------------------------------------------------------------------------------

_WAF_FINDER: Final = re.compile(rb'action\\?": ?\\?"(?:BLOCK|CAPTCHA|CHALLENGE)')
_ENDED: Final = frozenset({"BLOCK", "CAPTCHA", "CHALLENGE"})


def waf_sketch(line: bytes) -> Sketch | None:
    """The rule that ended it, client, request."""
    found = document(line)
    if found is None or "terminatingRuleId" not in found or "httpRequest" not in found:
        return None
    if found.get("action") not in _ENDED:
        return PASSES
    request = _mapping(found.get("httpRequest"))
    asked = (str(request.get("httpMethod")), str(request.get("uri")), str(request.get("clientIp")))
    return (found["action"], str(found["terminatingRuleId"])), *asked, *_group_rules(found)


def parse_waf(line: Line) -> Observation | None:
    """One record. The rule inside a managed group stands in ``ruleGroupList``; the action there may be overridden."""
    found = document(line.text)
    if found is None:
        return None
    request = _mapping(found.get("httpRequest"))
    labels = ", ".join(shown(label.get("name")) for label in _mappings(found.get("labels")))
    fields: dict[str, object] = {
        name: found.get(name) for name in ("action", "terminatingRuleId", "terminatingRuleType", "webaclId")
    }
    fields |= {
        "httpSourceName": found.get("httpSourceName"),
        "httpSourceId": found.get("httpSourceId"),
        "labels": labels,
    }
    fields |= {
        "rule": ", ".join(_group_rules(found)),
        "matched": ", ".join(_matched(found)),
        "country": request.get("country"),
    }
    fields |= {"requestId": request.get("requestId"), "responseCodeSent": found.get("responseCodeSent")}
    fields |= {
        "oversizeFields": ", ".join(str(name) for name in found.get("oversizeFields") or () if isinstance(name, str))
    }
    path, args = shown(request.get("uri")), shown(request.get("args"))
    sent = tuple((shown(one.get("name")), shown(one.get("value"))) for one in _mappings(request.get("headers")))
    return observed(
        line,
        "aws-waf",
        fields=fields,
        at=moment(shown(found.get("timestamp"))),
        client=shown(request.get("clientIp")),
        status=status_of(shown(found.get("responseCodeSent"))),
        method=shown(request.get("httpMethod")),
        path=f"{path}?{args}" if args else path,
        host=next((value for name, value in sent if name.lower() == "host"), ""),
        http_version=shown(request.get("httpVersion")).removeprefix("HTTP/"),
        request_headers=headers(dict(sent)),
        message=f"{shown(found.get('action'))} by {shown(found.get('terminatingRuleId'))}",
    )


def _group_rules(found: Mapping[str, Any]) -> tuple[str, ...]:
    rules = (_mapping(group.get("terminatingRule")) for group in _mappings(found.get("ruleGroupList")))
    return tuple(shown(rule.get("ruleId")) for rule in rules if rule)


def _matched(found: Mapping[str, Any]) -> Iterator[str]:
    """Where the match was, and of what kind; never the data that matched."""
    for detail in _mappings(found.get("terminatingRuleMatchDetails")):
        yield f"{shown(detail.get('conditionType'))} in {shown(detail.get('location'))}"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> Iterable[Mapping[str, Any]]:
    return [one for one in value[:64] if isinstance(one, dict)] if isinstance(value, list) else []


# --- Application Load Balancer -----------------------------------------------------------------------------------

_NUMBER: Final = r"-?\d+(?:\.\d+)?"
_ALB: Final = (
    rf"(?:(https?|h2|grpcs|wss?) (\S+) )?(\S+) (\S+):(\d{{1,5}}) (\S+) {_NUMBER} {_NUMBER} {_NUMBER} "
    rf"(\d{{3}}|-) (\d{{3}}|-) (\d+) (\d+) "
    r'"([^"\n]*)" "([^"\n]*)" (\S+) (\S+)(?: (\S+) "([^"\n]*)" "([^"\n]*)" "([^"\n]*)" (\S+) (\S+) "'
    r'([^"\n]*)" "([^"\n]*)" "([^"\n]*)"'
    r'(?: "([^"\n]*)" "([^"\n]*)" "([^"\n]*)" "([^"\n]*)")?)?'
)
_ALB_NAMES: Final = [
    "type",
    "time",
    "elb",
    "client",
    "client_port",
    "target",
    "elb_status_code",
    "target_status_code",
    "received_bytes",
    "sent_bytes",
    "request",
    "user_agent",
    "ssl_cipher",
    "ssl_protocol",
    "target_group_arn",
    "trace_id",
    "domain_name",
    "chosen_cert_arn",
    "matched_rule_priority",
    "request_creation_time",
    "actions_executed",
    "redirect_url",
    "error_reason",
    "target_list",
    "target_status_code_list",
    "classification",
    "classification_reason",
]
_ALB_TEXT, _ALB_BYTES = re.compile(_ALB), re.compile(_ALB.encode())


def alb_sketch(line: bytes) -> Sketch | None:
    """Both statuses, client, request without its query, and what the load balancer did."""
    found = _ALB_BYTES.match(line)
    if found is None:
        return None
    status, behind = found[7], found[8]
    return (
        ((status, behind), found[4], found[11].partition(b"?")[0], found[6], found[21], found[23])
        if refused(status)
        else PASSES
    )


def parse_alb(line: Line) -> Observation | None:
    """One entry (of a classic load balancer as well, which says less)."""
    found = _ALB_TEXT.match(line.text)
    if found is None:
        return None
    fields = {name: value or "" for name, value in zip(_ALB_NAMES, found.groups(), strict=True)}
    asked, agent, time = request_line(fields.pop("request").strip(" -")), fields.pop("user_agent"), fields.pop("time")
    domain = fields.pop("domain_name", "")
    return observed(
        line,
        "aws-alb",
        fields={name: value for name, value in fields.items() if name != "client"},
        at=moment(time),
        client=fields["client"],
        status=status_of(fields["elb_status_code"]),
        request_headers=(("user-agent", agent),) if agent not in ("", "-") else (),
        **asked.members | {"host": asked.host if domain in ("", "-") else domain},
    )


APIGW_ACCESS: Final = Format(
    "aws-apigw-access",
    (JSON_STATUS,),
    access_sketch,
    parse_access,
    telling=_TELLING,
    keys=by_members(
        (r"\w*(?:rror|essage|tatus)\w*(?:\.\w+)?", *_METHOD, *_SOURCE, "apiId", "stage"),
        paths=_PATH,
        left=("status", "statusCode"),
    ),
)
APIGW_COMMON: Final = Format(
    "aws-apigw-common",
    (STATUS,),
    common_sketch,
    parse_common,
    keys=by_line(
        rb'(\S+) \S+ \S+ \[[^\]]{1,40}\] ?"([^"?]*+)[^"]*+" ([45]\d\d) (?:\d+|-) ' + _UUID.encode() + rb"(?:| \S+)",
        left=2,
    ),
)
APIGW_EXECUTION: Final = Format(
    "aws-apigw-execution",
    (_EXECUTION_FINDER,),
    execution_sketch,
    parse_execution,
    telling=("resource",),
    keys=by_rest(rb"\([0-9a-f]{8}-[0-9a-f-]{27}\) ", worth=_EXECUTION_SAYS.pattern, mark=b"() "),
)
WAF: Final = Format(
    "aws-waf",
    (_WAF_FINDER,),
    waf_sketch,
    parse_waf,
    telling=("terminatingRuleId", "rule", "action", "labels"),
    keys=by_members(
        ("action", "terminatingRuleId", "ruleId", "httpMethod", "clientIp"), paths=("uri",), left=("terminatingRuleId",)
    ),
)
_ALB_KEYS: Final = by_line(
    rb"(?:|(?:https?|h2|grpcs|wss?) \S+ )\S+ (\S+):\d{1,5} (\S+) \S+ \S+ \S+ ([45]\d\d) (\d{3}|-) \d+ \d+ "
    rb'"([^"?]*+)[^"]*+" "[^"]*+" \S+ \S+'
    rb'(?: \S+ "[^"]*+" "[^"]*+" "[^"]*+" \S+ \S+ ("[^"]*+") "[^"]*+" ("[^"]*+").*|)',
    left=2,
)
ALB: Final = Format(
    "aws-alb",
    (SPACED,),
    alb_sketch,
    parse_alb,
    telling=("target_status_code", "actions_executed", "error_reason", "target"),
    keys=_ALB_KEYS,
)
