"""Harnesses that run covcat's command line against faults, and count what comes out wrong."""
