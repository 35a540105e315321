"""What a refusal of AWS says that a pattern alone cannot read. Pure: an observation in, clues out.

What belongs here: arithmetic on the times of a signature, the parts of an execute-api name, of a path and of an ARN,
and what the request itself tells of causes that AWS words alike. How a refusal is recognised is the signatures' data.

Rules of this room:

1. A clue names what it saw, and a text that is hostile gets no further than its pattern allows.
2. What goes into a command is quoted for a shell.
3. A clue that makes nothing surer carries the origin of the signature that it explains: the same answer read twice is
   no second witness.
4. ``refining`` tells by the wording which file knows more: ``times``, ``denials``, ``routes`` or ``forbidden``. They
   know ``names`` and ``clues``, and not each other.
"""
