"""From an export to canonical tables."""
