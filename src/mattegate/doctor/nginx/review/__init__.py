"""From what the model says to what is wrong: refusals, what arrives, what pages may read, and the rest; a file each.

Rules of this room:

1. A refusal of the very request that was asked about is proven; everything else is likely at most, unless the lines
   themselves contradict each other.
2. What looks unusual but is right for somebody is no finding.
"""
