"""Results become statistics, tables and a tidy summary."""
