"""Values that every part speaks, in plain standard-library Python.

Rules of this folder: values are frozen, nothing here does I/O, reads a clock or imports a third-party package.
"""
