"""A classify run, from options to a finished results file."""
