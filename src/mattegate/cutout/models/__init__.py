"""Which networks there are, under what licence, where their weights come from, and whether a file is what it claims.

Nothing here knows how a graph is run or how pixels become a matte: a :class:`~mattegate.cutout.models.spec.ModelSpec`
states the facts, others act on them. Start reading at :mod:`mattegate.cutout.models.library`.
"""
