"""Tests of the package, with what Python itself brings: `python -m unittest discover -s python`."""
