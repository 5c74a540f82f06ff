"""What a post's media are, and where their bytes wait for the worker."""

from threadsworker.media.intake import Inspected, inspect
from threadsworker.media.local import Reading
from threadsworker.media.spool import Spool

__all__ = ["Inspected", "Reading", "Spool", "inspect"]
