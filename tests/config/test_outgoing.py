"""Settings of what goes out, and of whom is asked: the authorizer, outgoing calls, images by address."""

from __future__ import annotations

import pytest

from mattegate.config.faults import ConfigurationError
from mattegate.config.load import load_settings
from mattegate.config.masking import masked
from mattegate.config.notable import notable
from mattegate.config.rulebook import build_rulebook
from mattegate.serving import routes
from mattegate.vocabulary.attempt import RouteView


def test_every_private_route_may_be_excepted_from_the_authorizer() -> None:
    """A route that is added can be named at once."""
    private = {view.name for view in vars(routes).values() if isinstance(view, RouteView) and not view.public}
    for name in sorted({*private, "app"} - {""}):
        load_settings(flags={"authorizer.except_routes": name})


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ({"authorizer.callable": "decide"}, "colon"),
        ({"authorizer.callable": "a.b:c", "authorizer.url": "http://127.0.0.1/"}, "both set"),
        ({"authorizer.sources": "header:Cookie"}, "secret"),
        ({"authorizer.sources": "header:"}, "none of"),
        ({"authorizer.sources": "ip"}, "none of"),
        ({"authorizer.timeout_s": 31}, "30 seconds"),
        ({"authorizer.ttl_s": 90_000}, "day"),
        ({"authorizer.except_routes": "health"}, "must be"),
        ({"outbound.ports": "0"}, "port"),
        ({"outbound.allow_networks": "corp"}, "network"),
        ({"outbound.allow_hosts": "http://x/"}, "host name"),
        ({"upload.url_hosts": "x:80"}, "host name"),
    ],
)
def test_what_goes_out_and_who_is_asked_are_checked(flags: dict[str, object], word: str) -> None:
    """Each with its sentence."""
    with pytest.raises(ConfigurationError, match=word):
        load_settings(flags=flags)


def test_the_path_of_an_authorizer_is_shown_nowhere() -> None:
    """It may be what grants access: not in the rulebook, which records keep, and not where settings are shown."""
    settings = load_settings(flags={"authorizer.url": "HTTP://Auth.example:9000/very-secret?and=more"})
    assert build_rulebook(settings).authorizer.name == "http://auth.example:9000"
    assert "secret" not in str(masked("authorizer.url", settings.authorizer.url))
    assert "secret" not in repr(settings)
    assert [note.code for note in notable(settings) if note.setting == "authorizer.url"] == ["clear_text"]


def test_a_callable_is_its_own_name() -> None:
    """And sources are compared in small letters, each once."""
    flags = {"authorizer.callable": "a.b:c", "authorizer.sources": "identity,header:X-A,header:x-a"}
    rules = build_rulebook(load_settings(flags=flags)).authorizer
    assert (rules.name, rules.sources) == ("a.b:c", ("identity", "header:x-a"))
