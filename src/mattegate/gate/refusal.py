"""From a finding to what is answered: the refusal, its status, and how long to wait."""

from __future__ import annotations

import math

from mattegate.gate.rules import Rules
from mattegate.vocabulary.decision import Allowed, Finding, Refused
from mattegate.vocabulary.facts import Facts
from mattegate.vocabulary.reasons import REASONS
from mattegate.vocabulary.refusal import Refusal


def refusal_of(finding: Finding) -> Refusal:
    """The refusal of a finding that refuses. Raises ``KeyError`` for one without a reason of the catalogue."""
    return Refusal(finding.reason, **finding.facts)


def status_of(outcome: Allowed | Refused | Finding, rules: Rules) -> int:
    """The HTTP status: 200 where nothing refuses, otherwise that of the reason.

    An unknown key is answered with the status that ``keys.unknown_status`` chooses: 403 as AWS and remove.bg do, or 401
    as RFC 9110, section 15.5.2 has it; with 401 a ``WWW-Authenticate`` is due.
    """
    if isinstance(outcome, Allowed):
        return 200
    finding = outcome.finding if isinstance(outcome, Refused) else outcome
    if not finding.refuses:
        return 200
    if finding.reason == "credential.unknown":
        return rules.rulebook.credential.unknown_status
    return REASONS[finding.reason].status


def retry_after_s(finding: Finding, facts: Facts | None = None) -> int | None:
    """Whole seconds for ``Retry-After``, at least 1; ``None`` where waiting does not help or nobody knows how long.

    A limit's own answer counts first, then the catalogue. With ``facts``, several limits that refused at once are
    waited for together: the longest wait is the answer.
    """
    wait = finding.facts.get("retry_after_s")
    if not isinstance(wait, (int, float)):
        return REASONS[finding.reason].retry_after_s
    if facts is not None and facts.claim is not None and finding.layer in {"rate", "quota"}:
        waits = [limit.retry_after_s for limit in facts.claim.limits if not limit.allowed and not limit.shadow]
        wait = -1.0 if any(other < 0 for other in waits) else max([float(wait), *waits])
    return max(math.ceil(wait), 1) if 0 <= wait < math.inf else None
