"""Made-up lines of what stands before a server in a cloud; nearly all of them tell of refusals."""

from __future__ import annotations

from typing import Final

from bench.log_lines_servers import as_json
from bench.log_scenery import (
    AGENTS,
    HOSTS,
    METHODS,
    NUMBER,
    PATHS,
    REFUSALS,
    client,
    clock,
    identifier,
    number,
    pick,
    request,
)

_GATEWAY: Final = (
    ("Forbidden", "INVALID_API_KEY"),
    ("Missing Authentication Token", "MISSING_AUTHENTICATION_TOKEN"),
    ("User is not authorized to access this resource", "ACCESS_DENIED"),
    ("Limit Exceeded", "QUOTA_EXCEEDED"),
)


def gateway(n: int) -> str:
    """API Gateway's access log as JSON."""
    message, kind = pick(n, 7, _GATEWAY)
    return as_json(
        requestId=identifier(n), extendedRequestId=f"{identifier(n, 12)}=", ip=client(n), caller="-", user="-",
        requestTime=f"02/Jan/2026:{clock(n)} +0000", httpMethod=pick(n, 2, METHODS), resourcePath=pick(n, 3, PATHS),
        status=f"{pick(n, 7, (403, 401, 429))}", protocol="HTTP/1.1", responseLength=f"{number(n, 4, 90)}",
        errorMessage=message, errorResponseType=kind, apiId="a1b2c3d4e5", stage="prod", integrationStatus="-",
        userAgent=pick(n, 6, AGENTS),
    )  # fmt: skip


def gateway_execution(n: int) -> str:
    """API Gateway's execution log."""
    request_id = f"{n:08x}-1234-4123-8123-{n:012x}"
    said = (
        "Extended Request Id: " + identifier(n, 12),
        "Method completed with status: 403",
        "Unauthorized request: " + request_id,
        f"HTTP Method: POST, Resource Path: {pick(n, 3, PATHS)}",
    )[n % 4]
    return f"2026-01-02T{clock(n)}.{n % 1_000:03}Z ({request_id}) {said}"


def waf(n: int) -> str:
    """WAF's log."""
    sent = [{"name": "Host", "value": pick(n, 5, HOSTS)}, {"name": "User-Agent", "value": pick(n, 6, AGENTS)}]
    asked = {
        "clientIp": client(n), "country": "US", "headers": sent, "uri": pick(n, 3, PATHS), "args": f"n={n}{NUMBER}",
        "httpVersion": "HTTP/2.0", "httpMethod": pick(n, 2, METHODS), "requestId": f"1-{n:08x}-{NUMBER}",
    }  # fmt: skip
    return as_json(
        timestamp=1_767_323_045_000 + n, formatVersion=1, webaclId="arn:aws:wafv2:us-east-1:1:regional/webacl/a/1",
        terminatingRuleId=pick(n, 7, ("SizeRestrictions", "RateLimit", "GeoBlock")), terminatingRuleType="REGULAR",
        action="BLOCK", terminatingRuleMatchDetails=[], httpSourceName="ALB", httpSourceId="1-app/api/5",
        ruleGroupList=[], rateBasedRuleList=[], nonTerminatingMatchingRules=[], httpRequest=asked, labels=[],
    )  # fmt: skip


def balancer(n: int) -> str:
    """The Application Load Balancer's access log."""
    asked = request(n).replace(" /", f" https://{pick(n, 5, HOSTS)}:443/", 1)
    return (
        f"https 2026-01-02T{clock(n)}.{n % 1_000_000:06}Z app/api/50dc6c495c0c9188 {client(n)}:{number(n, 9, 50_000)} "
        f'- -1 -1 -1 {pick(n, 7, (403, 463, 502))} - 34 366 "{asked}" "{pick(n, 6, AGENTS)}" '
        f'ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 - "Root=1-{identifier(n, 12)}" "{pick(n, 5, HOSTS)}" "-" 0 '
        f'2026-01-02T{clock(n)}.000000Z "{pick(n, 7, ("waf", "fixed-response"))}" "-" "-" "-" "-" "-" "-"'
    )


def cloudfront(n: int) -> str:
    """CloudFront's standard log."""
    return (
        f"2026-01-02\t{clock(n)}\tLAX{n % 50}\t{number(n, 4, 999)}\t{client(n)}\t{pick(n, 2, METHODS)}\t"
        f"d111111abcdef8.cloudfront.net\t{pick(n, 3, PATHS)}\t{pick(n, 7, REFUSALS)}\t-\t"
        f"{pick(n, 6, AGENTS).replace(' ', '%20')}\tn={n}{NUMBER}\t-\tError\t{identifier(n, 12)}==\t"
        f"{pick(n, 5, HOSTS)}\thttps\t23\t0.001\t-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\tError\tHTTP/2.0\t-\t-\t"
        f"{number(n, 9, 50_000)}\t0.001\tError\ttext/html\t919\t-\t-"
    )
