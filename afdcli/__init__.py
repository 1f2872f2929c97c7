"""afd: classify badly compressed photos with a frozen classifier (arXiv 2401.01724)."""

__version__ = "0.1.0"
