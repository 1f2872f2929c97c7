"""The command line: one file per command. Parses, calls, renders; no torch maths."""
