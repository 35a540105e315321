"""The standing check: access logs read as they grow, and whatever is refused far more often than usual.

One way through this room: ``reading`` makes lines into values, ``counting`` counts them in bounded tables, ``rising``
says what rose, ``report`` tells it as an answer; ``following`` reads files that grow and are rotated. Only ``reading``
and ``following`` touch bytes, and nothing in here reads a clock.
"""
