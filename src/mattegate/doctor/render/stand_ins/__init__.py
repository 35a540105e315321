"""Names of people and machines, and the stand-ins that take their place: how each is found, and what it becomes.

Rules of this folder:

1. One original has one stand-in for as long as the book is open; a stand-in that is met is left alone.
2. Stand-ins come from ranges that are set apart for documentation (RFC 2606 names, RFC 5737 and RFC 3849 addresses),
   so that nobody is named by accident.
3. What tells nobody apart stays, for a diagnosis turns on it: loopback and unspecified addresses, the private networks
   as networks, the ends of names that say which service answers (``execute-api.eu-west-1.amazonaws.com``).
4. Rather too much than too little: a name that might be somebody's is replaced.
"""

from __future__ import annotations

from mattegate.doctor.render.stand_ins.addresses import hide_addresses
from mattegate.doctor.render.stand_ins.book import Book, already
from mattegate.doctor.render.stand_ins.hosts import hide_hosts, host
from mattegate.doctor.render.stand_ins.numbers import hide_numbers
from mattegate.doctor.render.stand_ins.people import hide_people, user

__all__ = ["Book", "already", "hidden", "host", "user"]


def hidden(text: str, book: Book) -> str:
    """``text`` with every name replaced. People first, for their names stand before those of hosts."""
    for hide in (hide_people, hide_numbers, hide_hosts, hide_addresses):
        text = hide(text, book)
    return text
