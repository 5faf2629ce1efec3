"""A fitted model on disk."""

from fastmf.model_file.saving import ModelFile, load_model_file, save_model
from fastmf.model_file.target import check_model_target

__all__ = ["ModelFile", "check_model_target", "load_model_file", "save_model"]
