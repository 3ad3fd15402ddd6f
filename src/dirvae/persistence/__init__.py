"""Saved models: folders of JSON and safetensors. Every file is verified; nothing is pickled."""

from dirvae.persistence.folder import ModelFormatError, require_replaceable
from dirvae.persistence.model import load, load_as, read_config, save

__all__ = [
    "ModelFormatError",
    "load",
    "load_as",
    "read_config",
    "require_replaceable",
    "save",
]
