"""Makers of archives, by the name that other projects import them by."""

from makers.archives import git_zip, tar_of, zip_of

__all__ = ["git_zip", "tar_of", "zip_of"]
