"""Pixels out of encoded bytes: one file per library or trick, each strict about damage.

Every decoder here answers samples as they are stored, or raises. Which decoder a format gets, what its failures are
called and how samples become a picture stands in :mod:`mattegate.cutout.decoding`.
"""
