"""Client certificates: which one a request shows, what it is worth, and whom it stands for.

Rules of this file:

1. What a declared proxy passes on is the client's; the certificate that the proxy itself showed in the handshake is
   not. Where proxies are to pass one on, a request that comes through one and brings none shows none.
2. From anybody else those headers are nothing: they are neither read nor passed on to an application.
3. Both ways end at the same trust store, here and now: so a list of revocations that came a second ago counts for
   connections that have been open for an hour, and what a proxy took for good is looked at again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mattegate.gate.address import client_of
from mattegate.serving.reading import Reading, kept
from mattegate.serving.tls import CHAIN_KEY
from mattegate.signing.certificates import view_certificate
from mattegate.signing.passed_certificate import FIELDS, passed_certificate
from mattegate.signing.shape import Known
from mattegate.vocabulary.facts import ProofFact
from mattegate.vocabulary.proofs import CertificateFlaw, ShownCertificate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from starlette.types import Scope

    from mattegate.gate.rules import Rules
    from mattegate.ledger.protocols import Snapshot
    from mattegate.serving.evidence import Evidence
    from mattegate.serving.walk import Walk
    from mattegate.signing.trust import Trust

_MOST_MATCHES: Final = 16
_LONGEST_PROBLEM: Final = 200


class CertificateReader:
    """Puts the certificate of a request into its attempt; ``trust`` gives whom certificates are trusted from, now."""

    def __init__(self, trust: Callable[[], Trust]) -> None:
        self._trust = trust

    def read(self, reading: Reading, scope: Scope, rules: Rules) -> Reading:
        """``reading`` with the certificate that was shown, if one is asked for; takes away headers that prove nothing.

        Never raises: what is wrong with it becomes a part of the attempt.
        """
        asked = rules.rulebook.certificate
        if asked.mode == "off":
            return reading
        by_proxy = bool(asked.header) and client_of(reading.attempt, rules).trusted
        try:
            chain = passed_certificate(scope["headers"], asked.header) if by_proxy else scope.get(CHAIN_KEY, ())
            shown = self._shown(chain, reading.attempt.at, rules, by_proxy=by_proxy) if chain else None
        except ValueError as error:
            chain, shown = (), _unreadable(error, by_proxy=by_proxy)
        _strip(scope, FIELDS[asked.header] if by_proxy else ())
        if shown is None:
            return reading
        evidence = replace(reading.evidence, certificate=chain[0] if chain else b"")
        return Reading(replace(reading.attempt, certificate=shown), evidence)

    def _shown(self, chain: tuple[bytes, ...], at: float, rules: Rules, *, by_proxy: bool) -> ShownCertificate:
        view, prefixes = view_certificate(chain[0]), Known.of(rules.rulebook.credential).prefixes
        objection = self._trust().objection(chain[0], chain[1:], at)
        return ShownCertificate(
            fingerprint=view.fingerprint,
            subject=kept(view.subject, prefixes),
            matches=tuple(kept(match, prefixes) for match in view.matches[:_MOST_MATCHES]),
            not_before=view.not_before,
            not_after=view.not_after,
            client_use=view.client_use,
            by_proxy=by_proxy,
            flaw=objection.flaw if objection else CertificateFlaw.NONE,
            problem=objection.problem if objection else "",
        )


class CertificateProver:
    """Finds the account that a certificate is bound to, by the most exact of the texts that may stand for it."""

    async def prove(self, walk: Walk, evidence: Evidence, keys: Snapshot) -> ProofFact:
        """Whose it is; no key where it is bound to nobody."""
        shown = walk.attempt.certificate
        assert shown is not None
        matches = view_certificate(evidence.certificate).matches if evidence.certificate else ()
        found = (keys.certificates.get(match.encode()) for match in matches)
        stored = next((each for each in found if each is not None), None)
        if stored is None:
            return ProofFact(facts={"subject": shown.subject, "fingerprint": shown.fingerprint})
        return ProofFact(stored.view)


def _unreadable(error: ValueError, *, by_proxy: bool) -> ShownCertificate:
    problem = str(error)[:_LONGEST_PROBLEM]
    return ShownCertificate(by_proxy=by_proxy, flaw=CertificateFlaw.MALFORMED, problem=problem)


def _strip(scope: Scope, vouched: Collection[bytes]) -> None:
    """Let no application believe what nobody vouches for (RFC 9440, section 2.4)."""
    if any(name in _NAMES and name not in vouched for name, _ in scope["headers"]):
        kept_ones = (pair for pair in scope["headers"] if pair[0] not in _NAMES or pair[0] in vouched)
        scope["headers"] = list(kept_ones)


_NAMES: Final = frozenset(name for names in FIELDS.values() for name in names)
