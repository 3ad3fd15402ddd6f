"""Export of fitted models to the formats of other tools."""

from dirvae.export.cells import as_anndata, to_h5ad
from dirvae.export.programs import to_onnx, to_torch_export
from dirvae.export.pyldavis import pyldavis_arguments, to_pyldavis
from dirvae.export.tables import to_csv

__all__ = [
    "as_anndata",
    "pyldavis_arguments",
    "to_csv",
    "to_h5ad",
    "to_onnx",
    "to_pyldavis",
    "to_torch_export",
]
