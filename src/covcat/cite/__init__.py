"""Citations as BibTeX, RIS, CSL-JSON and one plain sentence; whom else a resource owes one."""

from covcat.cite.as_csl import csl
from covcat.cite.as_ris import ris
from covcat.cite.sources import distinct, is_site, upstream
from covcat.cite.text import all_bibtex, bibtex, sentence

__all__ = ["all_bibtex", "bibtex", "csl", "distinct", "is_site", "ris", "sentence", "upstream"]
