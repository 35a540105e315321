"""Pixels out of encoded bytes: one file per library or trick, each strict about damage.

Every decoder here answers samples as they are stored, or raises; which decoder a format gets, what its failures
are called and how samples become a :class:`~mattegate.cutout.picture.Picture` stands in :mod:`mattegate.cutout.decoding`.
"""
