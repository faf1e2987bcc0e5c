"""Sets that nobody may fetch: what a person brought, by the folders and tables of their sources.

Folders and heads of tables are those of all.csv and Patient_details.csv of mr7495/COVID-CTset, of
"Sample data" of ShahinSHH/COVID-CT-MD, and of what bimcvcovid19i reads of BIMCV-COVID19+.
"""

import csv
import io
from pathlib import Path

import pytest
from makers.runs import Covcat
from makers.tables import dicom, nifti, png, source_of

DETAILS = (
    "Patient ID,SEX,AGE,Date,COVID-19 Infection,SR_2 Folder thickness(mm)\n"
    "patient1,F,053Y,20200407,Positive,4\npatient20,M,066Y,20200418,Negative,5\n"
)
CTSET = {
    "Train&Validation/137covid_patient1_SR_2_IM00010.tif": png(4, 4),
    "Train&Validation/12cdunnormal_patient20_SR_2_IM00010.tif": png(4, 4),
    "patient1/SR_2/IM00011.tif": png(4, 4),
}
OF_CTSET = {
    "Train&Validation/12cdunnormal_patient20_SR_2_IM00010.tif": "no covid-ctset:patient20 M 66 "
    "covid-ctset:patient20_SR_2 10",
    "Train&Validation/137covid_patient1_SR_2_IM00010.tif": "yes covid-ctset:patient1 F 53 "
    "covid-ctset:patient1_SR_2 10",
    "patient1/SR_2/IM00011.tif": "yes covid-ctset:patient1 F 53 covid-ctset:patient1/SR_2 11",
}
BIMCV = "covid19_posi/sub-S03427"
FILMS = [
    f"{BIMCV}/ses-E06828/mod-rx/sub-S03427_ses-E06828_acq-2_run-1_bp-chest_vp-ll_dx.png",
    f"{BIMCV}/ses-E06828/mod-rx/sub-S03427_ses-E06828_run-2_bp-chest_cr.png",
    f"{BIMCV}/ses-E06829/mod-rx/sub-S03427_ses-E06829_acq-21_run-3_bp-chest_ct.nii.gz",
]
LABELS = (
    "ReportID\tPatientID\tReport\tLabels\n"
    "ses-E06828\tsub-S03427\tsin hallazgos\t['normal']\nses-E9\tsub-S9\t\t[]\n"
)
BROUGHT = {
    "bimcv": (
        {
            **dict.fromkeys(FILMS[:2], png(4, 4)),
            FILMS[2]: nifti(4, 4, 9),
            "covid19_posi/participants.tsv": "participant\tage\tgender\nsub-S03427\t[75]\tM\n",
            "covid19_posi/derivatives/labels/labels_covid_posi.tsv": LABELS,
            f"{BIMCV}/sub-S03427_sessions.tsv": "session_id\tstudy_date\tmedical_evaluation\n"
            "ses-E06828\t20200229\t\nses-E06829\t20200301\tneumonia\n",
        },
        "patient_id study modality view sex age date covid clinical_notes other_notes",
        {
            FILMS[0]: "bimcv:sub-S03427 bimcv:ses-E06828 xray Lateral M 75 2020-02-29 unknown "
            "sin hallazgos ['normal']",
            FILMS[1]: "bimcv:sub-S03427 bimcv:ses-E06828 xray  M 75 2020-02-29 unknown "
            "sin hallazgos ['normal']",
            FILMS[2]: "bimcv:sub-S03427 bimcv:ses-E06829 ct  M 75 2020-03-01 unknown neumonia ",
        },
    ),
    "covid-ctset": (
        {"Patient_details.csv": DETAILS, **CTSET},
        "covid patient_id sex age series slice",
        OF_CTSET,
    ),
    "covid-ct-md": (
        {
            "COVID-19 subjects/P001/1.dcm": dicom(),
            "Cap Cases/cap001/1.dcm": dicom(),
            "CAP/cap002/1.dcm": dicom(),
            "x/Normal Cases/normal001/1.dcm": dicom(),
            "Index.csv": "Label Index,Diagnosis,Relative Path,Folder/ID\n55,CAP,./CAP/,cap001\n",
        },
        "covid finding patient_id study slice label_source",
        {
            "CAP/cap002/1.dcm": "no Pneumonia covid-ct-md:cap002 1.2.3.4 12 CAP/cap002/1.dcm",
            "COVID-19 subjects/P001/1.dcm": "yes COVID-19 covid-ct-md:P001 1.2.3.4 12 "
            "COVID-19 subjects/P001/1.dcm",
            "Cap Cases/cap001/1.dcm": "no Pneumonia covid-ct-md:cap001 1.2.3.4 12 "
            "Cap Cases/cap001/1.dcm; Index.csv",
            "x/Normal Cases/normal001/1.dcm": "no No finding covid-ct-md:normal001 1.2.3.4 12 "
            "x/Normal Cases/normal001/1.dcm",
        },
    ),
}


@pytest.mark.parametrize("id", BROUGHT)
def test_what_a_person_brought_has_its_labels(covcat: Covcat, tmp_path: Path, id: str) -> None:
    files, columns, expected = BROUGHT[id]
    source_of(tmp_path / "mine", files)
    assert covcat("import", id, str(tmp_path / "mine")).code == 0
    ran = covcat("images", id, "--format", "csv", "--columns", ",".join(["path", *columns.split()]))
    assert ran.code == 0, ran.err
    header, *rows = csv.reader(io.StringIO(ran.out))
    assert {path: " ".join(cells) for path, *cells in rows} == expected, header


def test_findings_of_covid_ctset_are_in_the_names_where_its_table_is_not(
    covcat: Covcat, tmp_path: Path
) -> None:
    source_of(tmp_path / "mine", CTSET)
    covcat("import", "covid-ctset", str(tmp_path / "mine"))
    ran = covcat("images", "covid-ctset", "--format", "csv", "--columns", "path,finding")
    assert ran.out.splitlines()[1:] == [
        "Train&Validation/12cdunnormal_patient20_SR_2_IM00010.tif,No finding",
        "Train&Validation/137covid_patient1_SR_2_IM00010.tif,COVID-19",
        "patient1/SR_2/IM00011.tif,",
    ]
