"""What one reason is made of, and the patterns that most of them follow; the catalogue is :mod:`.reasons`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause of a refusal.

    ``code`` is ``layer.cause``; ``sentence`` is what the caller reads, ``remedy`` what the caller can do;
    ``operator`` is what the log and the operator see; ``error_type`` is the AWS-style name sent in
    ``X-Mattegate-Error-Type``; ``retry_after_s`` is sent as ``Retry-After`` where waiting can help.
    """

    code: str
    status: int
    title: str
    sentence: str
    remedy: str
    operator: str
    error_type: str
    public_code: str = ""
    retry_after_s: int | None = None

    @property
    def layer(self) -> str:
        """The layer that refuses, which is the first word of the code."""
        return self.code.partition(".")[0]

    @property
    def public(self) -> str:
        """The code that callers see."""
        return self.public_code or self.code

    @property
    def anchor(self) -> str:
        """The section of the reasons page that explains this cause."""
        return self.public.replace(".", "-").replace("_", "-")


def request(code: str, title: str, sentence: str, remedy: str, *, status: int = 400, operator: str = "") -> Reason:
    """What was asked cannot be understood."""
    return Reason(f"request.{code}", status, title, sentence, remedy, operator or sentence, "BadRequestException")


def forbidden(code: str, title: str, sentence: str, remedy: str, operator: str, *, status: int = 403) -> Reason:
    """A rule says no to whoever it is."""
    return Reason(code, status, title, sentence, remedy, operator, "AccessDeniedException")


def unproven(
    code: str, title: str, sentence: str, remedy: str, operator: str, error_type: str = "UnauthorizedException"
) -> Reason:
    """A credential that proves nothing by its looks alone: 401 with a challenge (RFC 9110, section 15.5.2)."""
    return Reason(f"credential.{code}", 401, title, sentence, remedy, operator, error_type)


def limit(code: str, title: str, sentence: str, remedy: str, operator: str, error_type: str) -> Reason:
    """A limit; its Retry-After is a fact of the case."""
    return Reason(code, 429, title, sentence, remedy, operator, error_type)


def dependency(code: str, operator: str) -> Reason:
    """Something that is needed to decide is down."""
    return Reason(
        f"dependency.{code}", 503, "A part is unavailable", "A part of the server that is needed to decide is down.",
        "Try again after the time in Retry-After, with back-off.", operator, "ServiceUnavailableException",
        "" if code == "unavailable" else "dependency.unavailable", 5,
    )  # fmt: skip
