"""The Python API: `Client`, over accounts and the connections that both stand on."""

from threadsworker.client.awaited import Account
from threadsworker.client.client import Client

__all__ = ["Account", "Client"]
