"""What ``afd inspect`` finds out about one file, and how it shows it."""
