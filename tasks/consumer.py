"""
What a worker tells Flower, in fewer messages.

Celery sends what it has to tell of a message at once: that it was received, then that it was
begun, then that it is done. Each is a request to Redis, and these are a quarter of what a bare
chain of messages costs a worker. So they are put together for a moment that nobody sees.
"""

from __future__ import annotations

from time import monotonic

from celery.worker import consumer

#: Seconds that an event may wait for others. That a message was sent is told at once, by whoever
#: sends it.
TOLD_WITHIN = 0.1


class Consumer(consumer.Consumer):
    """Celery's own, with patience for events."""

    #: Until when it is arranged that those which wait are told.
    _due = 0.0

    def on_send_event_buffered(self) -> None:
        """An event waits: have it told, unless that is arranged already."""
        now = monotonic()
        # No mark that is set and taken away: timers are forgotten when a connection is lost.
        if self.hub and now > self._due:
            self._due = now + TOLD_WITHIN
            self.hub.timer.call_after(TOLD_WITHIN, self._flush_events)

    def stop(self) -> None:
        """The worker ends, and no timer of it goes off any more."""
        if monotonic() <= self._due:
            self._flush_events()
        super().stop()
