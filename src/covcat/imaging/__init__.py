"""Pictures and labels: index, query, counts, cohorts."""
