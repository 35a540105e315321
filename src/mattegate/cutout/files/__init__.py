"""Cut-outs of files on disk: which files, where the answers go, the work itself, and the memory of a long batch.

What belongs here: everything about image *files* that is the same for every way of asking. What must not: printing,
command-line flags, and anything about pixels; the engine takes bytes and gives bytes. Planning is lazy and decides
over a small :class:`~mattegate.cutout.files.plan.Listing`, so that it can be tested without a disk.
"""
