"""DICOM files of pixels, as pydicom writes them."""

import io

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def dataset(values, **more):
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.Modality = "CT"
    shape = values.shape
    if values.ndim == 3 and shape[-1] != 3:
        data.NumberOfFrames, shape = shape[0], shape[1:]
    data.Rows, data.Columns = shape[:2]
    data.SamplesPerPixel = 3 if shape[2:] == (3,) else 1
    data.PhotometricInterpretation = "RGB" if shape[2:] == (3,) else "MONOCHROME2"
    if data.SamplesPerPixel == 3:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = values.itemsize * 8
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(values.dtype.kind == "i")
    data.PixelData = values.tobytes()
    for name, value in more.items():
        setattr(data, name, value)
    return data


def saved(data, syntax=ExplicitVRLittleEndian):
    data.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
