"""Reading image headers without a decoder: one small file per container, standard library only.

Rules of this folder:

1. Every parser is ``read(data: memoryview) -> Header`` and looks at a buffer that nobody has checked: it never reads
   beyond it, never recurses, and every loop pays :meth:`Reader.step <mattegate.cutout.probing.reader.Reader.step>`.
2. It answers a :class:`~mattegate.cutout.probing.reader.Header` or raises a ``Refusal`` with an ``upload`` reason;
   nothing else ever comes out, whatever the bytes are.
3. No limit of the configuration is known here; :mod:`mattegate.cutout.probe` applies those.
"""
