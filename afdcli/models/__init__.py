"""Classifiers, where AFD modules plug into them, and both as one network."""
