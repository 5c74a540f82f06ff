"""Celery's side: the app, the six tasks of a chain, and beat's duties. Nothing is decided here."""
