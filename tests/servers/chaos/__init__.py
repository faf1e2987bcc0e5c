"""A loopback server that breaks every promise of HTTP, one behaviour a path; and its cases."""
