"""The doctor's command line, on the standard library alone: parse, gather, join, render, exit code."""
