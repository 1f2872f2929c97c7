"""Statistics, tables and a tidy summary from results files."""
