"""Which file of this room knows more of a refusal, by its wording."""

from __future__ import annotations

from collections.abc import Iterator

from mattegate.doctor.aws.denials import denied
from mattegate.doctor.aws.forbidden import forbidden
from mattegate.doctor.aws.routes import no_signature, token_missing
from mattegate.doctor.aws.times import out_of_time
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation


def refine(observation: Observation) -> Iterator[Clue]:
    """Clues beyond those of the signatures, where the answer is one of AWS's that needs more than a pattern."""
    said = observation.message if observation.format.startswith("aws-") else observation.body
    if "Signature expired" in said or "Signature not yet current" in said:
        yield from out_of_time(observation, said)
    elif "execute-api:Invoke" in said:
        yield from denied(observation, said)
    elif "Missing Authentication Token" in said or _response_type(observation) == "MISSING_AUTHENTICATION_TOKEN":
        yield from token_missing(observation)
    elif "Authorization header requires" in said or "not a valid key=value pair" in said:
        yield from no_signature(observation, said)
    elif observation.format == "exchange" and (observation.header("x-amzn-errortype") or "").startswith("Forbidden"):
        yield from forbidden(observation)


def _response_type(seen: Observation) -> str:
    return seen.fields.get("error.responseType", "")
