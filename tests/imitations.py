"""The imitated hosts, by the name that other projects import them by."""

from servers.hosts import FOR_EVER, Logged, Reply, World

__all__ = ["FOR_EVER", "Logged", "Reply", "World"]
