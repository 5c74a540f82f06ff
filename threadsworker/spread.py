"""Free slots for posts."""
