"""The decision, pure: an attempt, facts and a rulebook go in, an explained yes or no comes out. No I/O, no clock."""
