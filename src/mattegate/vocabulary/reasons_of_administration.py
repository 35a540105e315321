"""The part of the catalogue about accounts, admins, and the home with its backups.

See :mod:`mattegate.vocabulary.reasons` for its rules.
"""

from __future__ import annotations

from typing import Final

from mattegate.vocabulary.reason import Reason


def _account(code: str, status: int, title: str, sentence: str, remedy: str) -> Reason:
    """An administrative act that cannot be done."""
    return Reason(f"account.{code}", status, title, sentence, remedy, sentence, "AccountException")


ADMINISTRATION: Final[tuple[Reason, ...]] = (
    Reason("record.not_found", 404, "No such decision", "There is no decision of yours with this id.",
           "Check the id; records are kept for a limited time.", "no record {request_id}", "ResourceNotFoundException"),
    _account("not_found", 404, "Not found", "There is no {what} {name!r}.", "List what there is, and check the name."),
    _account("exists", 409, "Exists already", "The {what} {name!r} is there already.", "Choose another name."),
    _account("invalid", 422, "Not possible", "{what} cannot be {value!r}: {problem}.", "Correct the value."),
    _account("wider", 403, "A key only narrows", "The key would get {what} {value!r}, which {owner} does not have.",
             "Leave it out, or have the account widened by the operator."),
    _account("malformed", 400, "Body not readable", "The body could not be read: {problem}.",
             "Send one small JSON object with the members that the API reference lists."),
    _account("many_keys", 409, "Enough keys", "The account may have no more than {limit} keys of its own making {per}.",
             "Revoke keys that are not needed, wait, or ask the operator to make the key."),
    Reason("admin.no_admin", 503, "No admin yet", "The admin plane has no admin yet, so nobody can use it.",
           "On the server: mattegate admins create NAME", "admin plane: access denied, there is no admin",
           "ServiceUnavailableException"),
    Reason("admin.unauthorized", 401, "Admin token needed", "The admin plane needs an admin token.",
           "Send 'Authorization: Bearer TOKEN'; on the server: mattegate admins create NAME",
           "admin plane: access denied to {address}", "UnauthorizedException"),
    Reason("admin.host", 403, "Wrong host", "The admin plane does not answer for the host {host!r}.",
           "Call it as localhost, or add the name to admin.hosts.", "admin plane: Host {host!r} forbidden",
           "AccessDeniedException"),
    Reason("admin.conflict", 409, "Another process uses this home", "Another server uses the home {home}.",
           "Stop it, or give this one a home of its own with --home.", "home {home} is locked by process {pid}",
           "ConflictException"),
    Reason("home.newer", 409, "Written by a newer version",
           "The file {file} was written by a newer version (schema {found}; this version knows {known}).",
           "Use that version, or restore a backup from before the upgrade.",
           "{file} has schema {found}, this version knows {known}: access denied", "ConflictException"),
    Reason("backup.exists", 409, "Backup exists already", "There is a file {path} already.",
           "Choose another name for the backup.", "backup to {path} denied: the file exists", "ConflictException"),
    Reason("backup.nothing", 404, "Nothing to back up", "The home {home} holds no ledger, so there is nothing to save.",
           "Name the home that the server uses, with --home or MATTEGATE_HOME.",
           "backup of {home} denied: no ledger there", "ResourceNotFoundException"),
    Reason("backup.not_empty", 409, "Home is in use",
           "The home {home} holds {found} already; a backup is restored into an empty home only.",
           "Name another home with --home, or move what is there away.",
           "restore into {home} denied: it holds {found}", "ConflictException"),
    Reason("backup.damaged", 422, "Not a sound backup", "The backup {path} cannot be used: {problem}.",
           "Use another backup; nothing was changed.", "backup {path}: {problem}; access denied",
           "BadRequestException"),
    Reason("backup.unsound", 422, "Database damaged", "The database {file} cannot be backed up: {problem}.",
           "Restore the last good backup; the backup that was being made is gone.",
           "backup of {file}: {problem}; access denied", "BadRequestException"),
)  # fmt: skip
