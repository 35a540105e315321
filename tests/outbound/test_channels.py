"""Which ways out the settings open."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mattegate.config.settings import NoticeSettings
from mattegate.outbound.channel import Channel
from mattegate.outbound.channels import open_channels
from mattegate.outbound.posting import HttpPost

WEBHOOK = NoticeSettings(webhook_url="https://hooks.example.com/secret-path")


def opened(settings: NoticeSettings, file: Path) -> tuple[Channel, ...]:
    """The channels of an installation called home."""
    return open_channels(settings, secrets_file=file, post=HttpPost(), source="home")


def test_without_settings_there_is_the_log_alone(tmp_path: Path) -> None:
    """No secret is needed for that."""
    assert opened(NoticeSettings(mail_to=("op@example.com",)), tmp_path / "webhook") == ()


def test_a_missing_secret_stops_the_start_and_the_remedy_works(tmp_path: Path) -> None:
    """The sentence holds a command; after it, the same settings open a webhook."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    file = tmp_path / "webhook"
    with pytest.raises(ValueError, match="cannot be read from") as refused:
        opened(WEBHOOK, file)
    command = str(refused.value).partition("To make one: ")[2]
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [channel.name for channel in opened(WEBHOOK, file)] == ["webhook"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [(NoticeSettings(webhook_url="ftp://hooks.example.com/secret-path"), "notices.webhook_url"),
     (NoticeSettings(smtp_host="localhost", mail_from="me"), "notices.mail_from"),
     (NoticeSettings(smtp_host="localhost", mail_to=("a@b\r\nBcc: c@d",)), "notices.mail_to")],
)  # fmt: skip
def test_a_setting_that_will_not_do_is_named(tmp_path: Path, settings: NoticeSettings, named: str) -> None:
    """And a path that may be a secret is not repeated."""
    file = tmp_path / "webhook"
    file.write_text("whsec_" + "A" * 44 + "\n")
    file.chmod(0o600)
    with pytest.raises(ValueError, match=named) as refused:
        opened(settings, file)
    assert "secret-path" not in str(refused.value)


def test_both_ways_can_be_open(tmp_path: Path) -> None:
    """Webhook and mail side by side."""
    file = tmp_path / "webhook"
    file.write_text("whsec_" + "A" * 44 + "\n")
    file.chmod(0o600)
    settings = NoticeSettings(
        webhook_url="https://hooks.example.com/", smtp_host="localhost", mail_to=("op@b.example",)
    )
    assert [channel.name for channel in opened(settings, file)] == ["webhook", "mail"]
