"""What data sets there are: read the YAML, find, filter, check, cite."""
