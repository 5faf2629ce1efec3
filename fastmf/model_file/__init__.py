"""A fitted model on disk."""

from fastmf.model_file.saving import ModelFile, load_model_file, save_model

__all__ = ["ModelFile", "load_model_file", "save_model"]
