"""What a raw cell means, by rules of this check's own: nothing here comes from covcat.

They follow docs/schema.md and the sources' READMEs. A word that no rule has is an error: somebody
has to decide what it is, rather than take covcat's word for it.
"""

import re

BLANKS = {"", "?", "unknown", "unclear", "todo", "none", "n/a", "n.a.", "na", "nan", "nd", "-"}
FINDINGS = {  # as Cohen, POCUS, Figure 1, COVIDx, COVID-CT and V7 write them
    "covid-19": "COVID-19",
    "covid": "COVID-19",
    "positive": "COVID-19",  # COVIDx: docs/COVIDx.md
    "sars": "SARS",
    "ards": "ARDS",
    "influenza": "Influenza",
    "varicella": "Varicella",
    "viral pneumonia": "Viral pneumonia",
    "streptococcus": "Streptococcus",
    "klebsiella": "Klebsiella",
    "legionella": "Legionella",
    "mycoplasma bacterial pneumonia": "Mycoplasma",
    "chlamydophila": "Chlamydophila",
    "e.coli": "E. coli",
    "bacterial": "Bacterial pneumonia",
    "bacterial pneumonia": "Bacterial pneumonia",
    "pneumocystis": "Pneumocystis",
    "lipoid": "Lipoid pneumonia",
    "pneumonia": "Pneumonia",
    "no finding": "No finding",
    "normal": "No finding",
    "regular": "No finding",
    "negative": "",  # says what it is not; no term
    "noncovid": "",
}
VIEWS = {
    "pa": "PA",
    "ap": "AP",
    "ap supine": "AP supine",
    "ap_supine": "AP supine",
    "ap erect": "AP erect",
    "ap semi erect": "AP semi erect",  # neither erect nor supine
    "l": "Lateral",
    "lateral": "Lateral",
    "axial": "Axial",
    "coronal": "Coronal",
    "convex": "Convex probe",
    "linear": "Linear probe",
}
MODALITIES = {"x-ray": "xray", "cr": "xray", "dx": "xray", "ct": "ct", "ultrasound": "ultrasound"}
SEXES = {"m": "M", "f": "F", "w": "F", "male": "M", "female": "F"}
ANSWERS = {"y": "yes", "n": "no", "yes": "yes", "no": "no"}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def _word(raw: str, words: dict[str, str], kind: str) -> str:
    key = raw.strip().lower()
    if key in BLANKS:
        return ""
    if key not in words:
        raise SystemExit(f"rules.py has no word for the {kind} {raw!r}: decide what it is")
    return words[key]


def finding(raw: str) -> str:
    """Give the terms of a list, or of the last level of a path, joined by `; `."""
    names = [part.rsplit("/", 1)[-1] for part in re.split("[,;]", raw)]
    terms = [_word(name, FINDINGS, "finding") for name in names]
    return "; ".join(dict.fromkeys(term for term in terms if term))


def covid(raw: str) -> str:
    """Tell if COVID-19 is among the findings; no finding at all says nothing."""
    if raw.strip().lower() in BLANKS:
        return "unknown"
    return "yes" if "COVID-19" in finding(raw).split("; ") else "no"


def view(raw: str) -> str:
    """Give the projection, plane or probe."""
    return _word(raw, VIEWS, "view")


def modality(raw: str) -> str:
    """Give how the picture was taken."""
    return _word(raw, MODALITIES, "modality")


def sex(raw: str) -> str:
    """Give F or M; a number, as where sex and age are swapped, is neither."""
    return SEXES.get(raw.strip().lower(), "")


def answer(raw: str) -> str:
    """Give yes or no."""
    return _word(raw, ANSWERS, "answer")


def age(raw: str) -> str:
    """Give plain years from 0 to 130: `50+`, `early 40s` and a swapped sex are none."""
    is_plain = re.fullmatch(r"\d+(\.\d+)?", raw.strip())
    return raw.strip() if is_plain and float(raw) <= 130 else ""


def offset(raw: str) -> str:
    """Give whole days, also where they are written as 3.0."""
    found = re.fullmatch(r"(-?\d+)(\.0+)?", raw.strip())
    return str(int(found[1])) if found else ""


def date(raw: str) -> str:
    """Give a date as exact as it is written; American order; blank where there is no year."""
    text = raw.strip()
    if re.fullmatch(r"(19|20)\d\d", text):
        return text
    if found := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(?:20)?(\d\d)", text):
        return f"20{found[3]}-{int(found[1]):02}-{int(found[2]):02}"
    if found := re.fullmatch(r"([A-Za-z]+) (?:(\d{1,2}), )?(\d{4})", text):
        month, day, year = found[1], found[2], found[3]
    elif found := re.fullmatch(r"(\d{1,2}) ([A-Za-z]+),? (\d{4})", text):
        day, month, year = found[1], found[2], found[3]
    else:
        return ""
    number = MONTHS.index(month[:3].lower()) + 1
    return f"{year}-{number:02}" + (f"-{int(day):02}" if day else "")


def text(raw: str) -> str:
    """Give a text as the source has it, less outer spaces; place holders say nothing."""
    return "" if raw.strip().lower() in BLANKS else raw.strip()


def url(raw: str) -> str:
    """Give the address of a page; who gave a video (`Website donation`) is none."""
    return raw.strip() if raw.strip().startswith(("http://", "https://")) else ""


def patient(resource: str, raw: str) -> str:
    """Give the patient, if the source numbers one."""
    return "" if raw.strip().lower() in BLANKS else f"{resource}:{raw.strip()}"


def spdx(license_: str) -> str:
    """Give the SPDX id of a licence that is named with its version."""
    if license_.strip().lower() == "apache 2.0":
        return "Apache-2.0"
    parts = _creative_commons(license_)
    return "CC-" + "-".join(parts) if parts and parts[-1][0].isdigit() else ""


def allows(license_: str) -> tuple[str, str, str]:
    """Tell if commercial use, derivatives and redistribution are allowed."""
    if license_.strip().lower() == "apache 2.0":
        return "yes", "yes", "yes"
    parts = _creative_commons(license_)
    if not parts:
        return "unknown", "unknown", "unknown"
    return "no" if "NC" in parts else "yes", "no" if "ND" in parts else "yes", "yes"


def _creative_commons(license_: str) -> list[str]:
    form = r"CC[ -]BY(?:[ -]+(?:NC|SA|ND))*(?:[ -]\d\.\d)?"
    text_ = license_.strip().upper()
    return re.findall(r"BY|NC|SA|ND|\d\.\d", text_) if re.fullmatch(form, text_) else []
