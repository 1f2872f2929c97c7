"""The version of afd, stated here alone."""

__version__ = "0.1.0"
