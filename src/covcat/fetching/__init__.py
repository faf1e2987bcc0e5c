"""Makes the folder of a release: from hosts, from given files, or from what is here."""
