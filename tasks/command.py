"""`celery`, with our log from its first line on, for beat and Flower as for workers."""

from __future__ import annotations

import logging
import sys

from celery.__main__ import main as celery

from threadsworker.log import configure
from threadsworker.settings import load_settings


def main() -> None:
    """As ``python -m celery``."""
    settings = load_settings()
    configure(settings.log_level, form=settings.log_format)
    if settings.log_format == "json":
        # No banner, and no warning, between the objects.
        sys.argv.insert(1, "--quiet")
        logging.captureWarnings(True)
    celery()
