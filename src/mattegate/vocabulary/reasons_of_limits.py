"""The part of the catalogue about limits and about asking twice.

See :mod:`mattegate.vocabulary.reasons` for its rules.
"""

from __future__ import annotations

from typing import Final

from mattegate.vocabulary.reason import Reason, limit

LIMITS: Final[tuple[Reason, ...]] = (
    limit("rate.exceeded", "Too many requests", "The limit {name!r} of {limit} in {window} is used up.",
          "Wait for the time in Retry-After; spread requests out.",
          "rate: {identity} over {name!r} ({limit} in {window}), access denied", "ThrottlingException"),
    limit("rate.aborts", "Too many abandoned requests",
          "Too many requests were abandoned after work on them had begun.",
          "Wait for the answers (raise the client's timeout), then try again after the time in Retry-After.",
          "rate: {identity} abandoned too many requests, access denied", "ThrottlingException"),
    limit("quota.exceeded", "Quota used up", "The quota {name!r} of {limit} in {window} is used up.",
          "It begins anew at {resets_at}; ask the operator for a larger one.",
          "quota: {identity} over {name!r} ({limit} in {window}), access denied", "LimitExceededException"),
    limit("quota.bytes", "Transfer quota used up", "The quota {name!r} of {limit} bytes in {window} is used up.",
          "It begins anew at {resets_at}; send smaller images or ask the operator for a larger one.",
          "quota: {identity} over {name!r} ({limit} bytes in {window}), access denied", "LimitExceededException"),
    limit("quota.credits", "No credits left", "The account has {remaining} credits left; {cost} are needed.",
          "Have credits added to the account.",
          "quota: {identity} has {remaining} credits, {cost} needed, access denied", "LimitExceededException"),
    Reason("idempotency.malformed", 400, "Bad Idempotency-Key",
           "The Idempotency-Key must be 1 to 255 visible ASCII characters.",
           "Send a fresh UUID for every image, and the same one when you try again.",
           "Idempotency-Key of {length} characters", "BadRequestException"),
    Reason("idempotency.in_progress", 409, "Still working on it",
           "A request with this Idempotency-Key is being worked on.",
           "Wait for the time in Retry-After, then send the same request again.",
           "Idempotency-Key in use by {request_id}", "ConflictException", "", 2),
    Reason("idempotency.mismatch", 422, "Idempotency-Key used before",
           "This Idempotency-Key was used with another image or other options.",
           "Use a fresh key for every image.",
           "Idempotency-Key of {request_id} came back with another payload", "IdempotencyMismatchException"),
    Reason("idempotency.exhausted", 409, "Fetched often enough",
           "The answer under this Idempotency-Key was made again {replays} times already.",
           "Send the image with a fresh key.",
           "Idempotency-Key of {request_id} replayed {replays} times", "ConflictException"),
)  # fmt: skip
