"""Everything known about one file, and its picture."""
