"""Why a file or picture is not compared: told and counted, never an end of the work."""


class NoPicture(ValueError):  # noqa: N818 -- no fault of ours or the user's
    """There is nothing in a file that can be compared; the text says why, in a few words."""
