"""The layers, one file each; their order is read in :mod:`mattegate.gate.order`."""
