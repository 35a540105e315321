"""Tokens of our own on the wire: the token endpoint, tokens for web pages, and the documents about both."""
