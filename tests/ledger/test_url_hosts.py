"""The hosts that images are fetched from for a key: checked, kept, only ever narrowed by its owner."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.config.settings import Settings
from mattegate.ledger.host_values import checked_hosts, covers_host
from mattegate.ledger.opening import open_accounts
from mattegate.outbound.configured import host_names
from mattegate.outbound.guard_rules import _named
from mattegate.vocabulary.refusal import Refusal

CLI = "cli:test"


@pytest.mark.parametrize(
    ("given_host", "kept"),
    [("Images.Example.com", "images.example.com"), ("*.Example.com", "*.example.com"), ("[::1]", "::1"),
     ("10.0.0.1", "10.0.0.1"), ("xn--bcher-kva.example", "xn--bcher-kva.example")],
)  # fmt: skip
def test_a_host_is_kept_in_one_spelling(given_host: str, kept: str) -> None:
    """The one in which targets are compared with it."""
    assert checked_hosts([given_host, given_host]) == (kept,)
    assert host_names([kept]) == (kept,)


@pytest.mark.parametrize(
    "host",
    ["", "*", "*.", "https://x.example", "x.example:80", "x.example/", "a b", "x.*.example", "bücher.example", "127.1",
     "2130706433", "a..b", "a" * 254, "u@x", "[::1]:80", "."],
)  # fmt: skip
def test_what_is_no_host_is_refused(host: str) -> None:
    """With a sentence that says how one reads."""
    with pytest.raises(Refusal) as refused:
        checked_hosts([host])
    assert refused.value.reason.code == "account.invalid"


LABELS = st.lists(st.sampled_from(["a", "b", "cdn"]), min_size=1, max_size=4)


@given(LABELS, LABELS, LABELS, st.booleans(), st.booleans())
def test_what_covers_a_pattern_covers_every_host_of_it(
    wide: list[str], narrow: list[str], below: list[str], any_wide: bool, any_narrow: bool
) -> None:
    """Narrowing on paper is narrowing when an address is judged."""
    pattern = "*." * any_wide + ".".join(wide)
    inner = "*." * any_narrow + ".".join(narrow)
    host = ".".join([*below, *narrow]) if any_narrow else inner
    if covers_host([pattern], inner):
        assert _named(host, (pattern,))


def test_a_key_keeps_its_hosts_and_its_owner_can_only_narrow_them(tmp_path: Path) -> None:
    """Through the database, rotation and the audit log; ``any`` of the owner's is refused, the operator's is not."""
    with open_accounts(Settings(home=tmp_path)) as accounts:
        desk, control = accounts.desk, accounts.control
        shop = desk.create_identity("shop", tier="free", scopes=("*",), actor=CLI).view.id
        key = desk.create_key(shop, actor=CLI, url_hosts=["*.cdn.example", "images.example"]).id
        assert control.keys(shop)[0].stored.view.url_hosts == ("*.cdn.example", "images.example")
        owner = f"key:{key}"
        for wider in ([], ["*.example"], ["cdn.example"], ["images.example", "other.example"]):
            with pytest.raises(Refusal) as refused:
                desk.update_key(key, url_hosts=wider, actor=owner)
            assert refused.value.reason.code == "account.wider"
            with pytest.raises(Refusal):
                desk.create_key(shop, actor=owner, url_hosts=wider)
        desk.update_key(key, url_hosts=["a.cdn.example"], actor=owner)
        successor = desk.rotate_key(key, overlap_s=0, actor=CLI).id
        row = control.key(successor)
        assert row is not None
        assert row.stored.view.url_hosts == ("a.cdn.example",)
        desk.update_key(successor, url_hosts=[], actor=CLI)
        changes = [dict(entry.details) for entry in control.audit() if entry.act == "key.update"]
        assert [change["url_hosts"] for change in changes] == ["a.cdn.example", ""]
