"""The vocabulary of policies, as a Cedar schema: what a policy may speak of, and nothing else passes validation.

Documented for their authors in ``docs/guide/policies.md``, which is checked against this text.
"""

from __future__ import annotations

from typing import Final

SCHEMA: Final = """
// Whoever pays. Its parents are its tier, each of its scopes as a role, and as a group each role that a token of
// another issuer names, behind the name of that issuer: Group::"okta:image-team".
entity Tier;
entity Role;
entity Group;
entity Identity in [Tier, Role, Group] {
  name: String,
  tier: String,
};

// What is asked for. Its parent is the model, where one is known: resource in Model::"u2net".
entity Model;
entity Endpoint in [Model] {
  surface: String,       // the name of the route: "cutout", "whoami", "keys" ...
  model?: String,        // the one asked for, or the default; once the body was read
  bytes?: Long,          // of the image, once the body was read; elsewhere of the body, as declared
  megapixels?: Long,     // of the image, rounded up; once its header was read
};

type Circumstances = {
  address?: ipaddr,      // the client's, through declared proxies; absent for a Unix socket
  origin?: String,       // of the page that asks; absent where no page does
  at: datetime,          // UTC
  hour: Long,            // 0 to 23, UTC
  weekday: Long,         // 1 Monday to 7 Sunday, UTC
  tls: Bool,             // as the client used it
  tier: String,          // the identity's
  environment: String,   // of the key: "prod", "test"
  key: String,           // its public id
  proofs: Set<String>,   // what was shown: "key", "token", "signature", "certificate"; empty for the anonymous
  method: String,
  path: String,
};

action cutout, read, manage, admit appliesTo {
  principal: [Identity],
  resource: [Endpoint],
  context: Circumstances,
};
"""

ACTIONS: Final = ("cutout", "read", "manage", "admit")
"""Make a cut-out; look at one's own account; make and change one's own keys and tokens; be let through to what lies
behind the gate."""

OF_THE_BODY: Final = frozenset({"model", "bytes", "megapixels"})
"""Attributes that may be known only after the body was read; policies that speak of them are judged then again."""
