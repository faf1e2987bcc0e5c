"""Citations as BibTeX, RIS, CSL-JSON and one plain sentence; whom else a resource owes one."""

__all__ = ["all_bibtex", "bibtex", "csl", "distinct", "is_site", "ris", "sentence", "upstream"]
