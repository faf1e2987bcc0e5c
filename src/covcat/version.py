"""The version of covcat, in one place: the package, the User-Agent and every manifest say it."""

__version__ = "0.1.0"
