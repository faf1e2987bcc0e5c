"""Pictures with their labels, as the libraries load them that train on them.

To add a form: a module with a FORM, and a line in FORMS. tests/export/test_training.py runs over
all, and `make test-exports` loads each with its own library.
"""

from collections.abc import Mapping

from covcat.export.training import coco, imagefolder, monai, one_csv, webdataset
from covcat.export.training.laying import TrainingForm

FORMS: Mapping[str, TrainingForm] = {
    "imagefolder": imagefolder.FORM,  # Hugging Face's datasets
    "monai": monai.FORM,
    "coco": coco.FORM,  # pycocotools, torchvision
    "webdataset": webdataset.FORM,
    "csv": one_csv.FORM,
}
