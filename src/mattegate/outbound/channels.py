"""The ways out that the settings name."""

from __future__ import annotations

from pathlib import Path

from mattegate.config.settings import NoticeSettings
from mattegate.outbound.channel import Channel
from mattegate.outbound.mail import Mail
from mattegate.outbound.posting import Post
from mattegate.outbound.webhook import Webhook, WebhookSecret, load_secrets


def open_channels(settings: NoticeSettings, *, secrets_file: Path, post: Post, source: str) -> tuple[Channel, ...]:
    """A webhook where an address is set, mail where a server is; none at all leaves the log.

    ``secrets_file``: see :func:`~mattegate.outbound.webhook.load_secrets`; read only where there is a webhook.
    ``source`` names this installation to receivers. Raises ``ValueError`` with a sentence for the operator.
    """
    channels: list[Channel] = []
    if settings.webhook_url:
        channels.append(_webhook(settings.webhook_url, secrets_file, post, source))
    if settings.smtp_host:
        channels.append(_mail(settings))
    return tuple(channels)


def _webhook(url: str, secrets_file: Path, post: Post, source: str) -> Webhook:
    secrets = _secrets(secrets_file)
    try:
        return Webhook(url, secrets, post, source=source)
    except ValueError as error:
        raise ValueError(f"notices.webhook_url: {error}") from None


def _secrets(file: Path) -> tuple[WebhookSecret, ...]:
    try:
        return load_secrets(file)
    except OSError as error:
        raise ValueError(
            f"notices.webhook_url is set, but the secret that signs webhooks cannot be read from {file} "
            f"({error.strerror}). To make one: (umask 077; echo whsec_$(openssl rand -base64 32) > {file})"
        ) from error


def _mail(settings: NoticeSettings) -> Mail:
    try:
        return Mail(
            settings.smtp_host, settings.smtp_port, sender=settings.mail_from, operators=settings.mail_to
        )  # fmt: skip
    except ValueError as error:
        raise ValueError(f"notices.mail_from, notices.mail_to: {error}") from None
