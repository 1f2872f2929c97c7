"""From what somebody typed to the pictures behind it, and their true classes."""
