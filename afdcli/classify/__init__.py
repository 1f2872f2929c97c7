"""The classify run: from options to a results file."""
