"""Everything known about one file, on the screen and as a figure."""
