"""What a store answers in place of an object -> covcat's errors.

Its own words are never shown: they quote requests, and keys with them.
"""

import re
from shlex import quote

from covcat.errors import (
    ActionNeededError,
    CovcatError,
    DiskError,
    NetworkError,
    NotFoundError,
    UsageError,
)
from covcat.files import disk_error

_CODE = re.compile(r"<Code>(\w+)</Code>|\"reason\": *\"(\w+)\"")  # S3's and Azure's; Google's
_STATUS = re.compile(r"status code: (\d{3})")
_REASON = re.compile(r"Connection refused|dns error|timed out|certificate|Connection reset")
_OS_ERROR = re.compile(r"message: \"([^\"]+)\"")
_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound"}
_CLOCK = {"RequestTimeTooSkewed", "RequestExpired"}
_BUSY = {"SlowDown", "ServerBusy", "TooManyRequests", "Throttling", "RequestLimitExceeded"}
_PAYS = {"UserProjectMissing"}  # Google's word; Amazon's is AccessDenied
_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint"}
_NOBODY = re.compile(  # it asked the machine that it runs on for a login, or gave up at once
    r"169\.254\.|metadata\.google|token request|MissingAccount|Account must be|Missing\w*Key|"
    r"MissingCredential|service account file",
    re.I,
)
LOGINS = {  # where each provider's own rules look
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or with `pip install boto3` what "
    "`aws configure` wrote; AWS_SKIP_SIGNATURE=true for a public bucket, AWS_REQUEST_PAYER=true "
    "for one whose readers pay",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or `gcloud auth application-default login`",
    "az": "AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN, "
    "or AZURE_USE_AZURE_CLI=true after `az login`",
}


def lacks_bucket(error: Exception) -> bool:
    """Tell if a store has not even the bucket that an object was asked of."""
    return _code(str(error)) in _NO_BUCKET


def ends_before(error: Exception) -> bool:
    """Tell if an object ends before the first byte that was asked for."""
    text = str(error)
    return "StartTooLarge" in text or "status code: 416" in text


def _code(text: str) -> str:
    return next((one[1] or one[2] for one in _CODE.finditer(text)), "")


def refusal(error: Exception, address: str, doing: str) -> CovcatError:
    """Say what a store refused; `address` is the bucket or folder, `doing` what was tried there."""
    text, scheme = str(error), address.partition("://")[0]
    code = _code(text)
    status = next((one[1] for one in _STATUS.finditer(text)), "")
    said = " ".join(filter(None, (status, code))) or None
    bucket = "/".join(address.split("/")[:3])
    if "://" not in address:
        return _of_disk(error, address, doing)
    is_object = isinstance(error, FileNotFoundError)
    if lacks_bucket(error) or (status == "404" and not is_object):
        text = f"there is no `{bucket}`"
        return NotFoundError(text, cause=said, hint="covcat makes none; make it, or correct it")
    if is_object:
        return NotFoundError(f"cannot {doing}: it is not there", cause=said)
    if code in _CLOCK:
        text = f"`{bucket}` says that the clock of this machine is wrong"
        return ActionNeededError(text, cause=said, hint="set it: timedatectl set-ntp true")
    if code in _REGION or status == "301" or "without LOCATION" in text:
        text = f"`{bucket}` is in another region than this asks"
        return ActionNeededError(text, cause=said, hint="AWS_REGION=… covcat …")
    if code in _PAYS:
        text = f"`{bucket}` lets its readers pay, and covcat cannot say there who they are"
        return ActionNeededError(text, cause=said, hint="gcloud storage cp --billing-project=…")
    if code in _BUSY or status in ("429", "503"):
        text = f"`{bucket}` asks for fewer requests: cannot {doing}"
        return NetworkError(text, cause=said, hint="the same command with --jobs 2, later")
    if "Invalid Access Key" in text:
        text = f"the key of the login for `{bucket}` is none: it was cut, or is another's"
        return ActionNeededError(text, hint=LOGINS.get(scheme))
    if _NOBODY.search(text) and code == "":
        text = f"no login for `{bucket}` is set"
        return ActionNeededError(text, hint=LOGINS.get(scheme))
    if status in ("401", "403"):
        text = f"`{bucket}` does not let this login {doing}"
        return ActionNeededError(text, cause=said, hint=LOGINS.get(scheme))
    reason = _REASON.search(text)
    cause = said or (reason[0] if reason else None)
    return NetworkError(f"cannot {doing}: no answer", cause=cause, hint="try again later")


def _of_disk(error: Exception, folder: str, doing: str) -> CovcatError:
    if isinstance(error, FileNotFoundError):
        return NotFoundError(f"cannot {doing}: it is not there")
    if isinstance(error, OSError):
        return disk_error(error, doing)
    reason = _OS_ERROR.search(str(error))
    cause = reason[1] if reason else None
    if "Filenames containing" in str(error):
        cause = "obstore gives no file of a folder a name that ends in `#` and digits"
    return DiskError(f"cannot {doing}", cause=cause, hint=f"ls -ld {quote(folder)}")


def not_installed() -> UsageError:
    """Say that the extra is missing."""
    text = "object stores need the package obstore"
    return UsageError(text, hint="pip install 'covcat[stores]'")
