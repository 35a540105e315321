"""The documentation, and the code that writes the parts of it that follow from the product."""
