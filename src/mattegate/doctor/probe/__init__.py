"""Live probing: ask the thing itself, one change at a time, and say what made the difference.

Rules of this folder:

1. It works with sockets, because what is looked for lies where friendlier clients already repair it: a header in an
   odd spelling, half an answer, an alert inside the TLS handshake.
2. What the network does is an observation, never an exception. What a person gave wrongly is an exception
   (:class:`~mattegate.doctor.probe.target.BadTarget`), with a sentence.
3. It is polite: one request after the other, bounded in number, bytes and time, by name; never a second try of what
   changes something at the other end, unless the person asked for it.
4. A secret is sent where the person pointed, and nowhere else; it stands in no observation, and nothing is written.
"""
