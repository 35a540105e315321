"""One image through every step, from encoded bytes to encoded bytes.

The order is read in :meth:`Pipeline.make`; each step lives in its own module and knows nothing of the others:

1. open       the container: format, size, orientation (:mod:`.probe`, :mod:`.decoding`)
2. glance     a small picture for the network; for large JPEGs straight from the DCT, while
   decode     the full picture is decoded beside the network
3. tensor     the model's recipe turns the glance into numbers (:mod:`.numerics`)
4. infer      the network (:mod:`.backends`)
5. matte      the prediction becomes a matte of the picture's size (:mod:`.numerics`)
6. refine     its edges follow the picture (:mod:`.refine`)
7. colours    the old background is taken out of the edge colours (:mod:`.foreground`)
8. compose    crop, scale, place, background (:mod:`.compose`)
9. encode     (:mod:`.encoding`)
"""

from __future__ import annotations
