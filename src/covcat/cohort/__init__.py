"""Cohorts: what a licence and a protocol allow of the images that are here.

choosing.py: image indexes + Rule -> who is in, who is left out and why, and how many.
record.py: what was asked of which files, so that anybody who has them can make it again.
writing.py: a list, a table, or a folder of links or copies.
"""
