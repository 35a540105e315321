"""The client: requests that prove who sends them, and answers that say why not.

It signs with the very code that the server verifies with (:mod:`mattegate.signing`), so the two cannot write down one
request in two ways. One file for each thought:

1. ``request``: what is sent, as bytes, before anybody has signed it
2. ``credentials``: the ways to prove who sends it
3. ``answers``: what came back: a cut-out, or a refusal with its reason and remedy
4. ``patience``: whether to try again, and when
5. ``comparing``: why two sides disagree about what was signed
6. ``shell``: the one file that has a clock, random numbers and a network

::

    with Client("https://api.example.com", HmacSigning(key_id, secret)) as client:
        cutout = client.remove_background("photo.jpg", format="webp")
"""

from mattegate.client.answers import Cutout, RefusedError, UnreachableError
from mattegate.client.credentials import (
    ApiKey,
    BoundToken,
    Credential,
    HmacSigning,
    MessageSigning,
    SigV4Signing,
    Together,
    Token,
)
from mattegate.client.patience import Patience
from mattegate.client.shell import Client

__all__ = [
    "ApiKey",
    "BoundToken",
    "Client",
    "Credential",
    "Cutout",
    "HmacSigning",
    "MessageSigning",
    "Patience",
    "RefusedError",
    "SigV4Signing",
    "Together",
    "Token",
    "UnreachableError",
]
