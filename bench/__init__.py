"""Every ratio that this project promises, measured side by side in one run.

``python -m bench`` (or ``make bench``) prints them. Each file measures one thing and explains how in its docstring,
which is printed with the figure; :mod:`bench.plan` lists them, :mod:`bench.targets` what is promised.
"""
