"""What every section of the settings is made of."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the configuration: unchangeable, without unknown keys, each key explained by the text below it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _folder(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("contains a zero byte")
    return path.expanduser()


Folder = Annotated[Path, AfterValidator(_folder)]
