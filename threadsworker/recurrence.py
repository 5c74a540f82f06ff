"""Occurrences of recurring posts."""
