"""Find the pictures that the given paths, archives and URLs contain, and their true classes."""
