"""Copies of releases in object stores and other folders, laid out as in the data folder."""
