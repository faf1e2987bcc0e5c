"""Servers on the loopback that tests ask: imitated hosts, and one that breaks every promise."""
