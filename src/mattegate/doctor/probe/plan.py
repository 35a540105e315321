"""The whole run, in its order: from the name to HTTP, then one change at a time.

 1. what the client's environment makes of the address (no packet is sent)
 2. DNS, TCP and TLS, up to a door to knock at
 3. the request as given; what its answer says by itself: wrong protocol, redirect, clock
 4. the same request straight to the server behind the proxy, and where that differs, what the proxy may have changed
 5. the preflight of the page that calls
 6. one axis after the other, and the request as given once more: does the outcome hold?
 7. the other address family, the client's own proxy
 8. the echo behind each hop, with tickets
 9. the burst, with consent

A request of a method that may act is repeated only where its method is listed in ``vary``.
"""

from __future__ import annotations

from collections.abc import Callable

from mattegate.doctor.observation import Observation
from mattegate.doctor.probe.arrival import environment, reach, run_of
from mattegate.doctor.probe.comparing import compare
from mattegate.doctor.probe.credential import Credential
from mattegate.doctor.probe.exchange import Limits
from mattegate.doctor.probe.given import ProbePlan, ProbeResult
from mattegate.doctor.probe.sending import Bounds, Notes
from mattegate.doctor.probe.target import BadTarget


def probe(plan: ProbePlan, observe: Callable[[Observation], None]) -> ProbeResult:
    """Run the plan; ``observe`` is told of each exchange as it ends. Raises :class:`BadTarget`."""
    run = run_of(plan, Notes(observe))
    environment(run)
    base = reach(run)
    if base and run.way and run.way.door:
        compare(run, run.way.door, base)
    notes = run.notes
    return ProbeResult(tuple(notes.observations), tuple(notes.clues), tuple(notes.checked), tuple(notes.not_checked))


__all__ = ["BadTarget", "Bounds", "Credential", "Limits", "ProbePlan", "ProbeResult", "probe"]
