"""Fits the impostor tails of an exported embedder and writes them into its manifest.

    python -m training.fit_tails engine/models/deconv_v2.toml

`deconvid export` does the same; this is for a manifest that has none yet, or tails of older faces.
"""

import argparse
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.embedder import Embedder
from engine.impostors import ImpostorTail, ImpostorTails, LookTails
from engine.manifests import ModelSpec
from engine.runtimes import Execution
from training.evaluation.tails import fit_tails

TABLES = re.compile(r"^\[impostors\.[\w.]+\]\n[^\[]*", re.MULTILINE)


def write_tails(manifest: Path, embedder: Embedder) -> None:
    """Fits the tails of a manifest's embedder and writes them into it; takes a minute."""
    text = with_tails(manifest.read_text(encoding="utf-8"), fit_tails(embedder.embed))
    manifest.write_text(text, encoding="utf-8")


def to_toml(tails: LookTails, table: str = "impostors") -> Iterator[str]:
    for kind, tail in tails:
        if isinstance(tail, ImpostorTail):
            yield f"\n[{table}.{kind}]\n" + "".join(f"{key} = {value}\n" for key, value in tail)
        elif tail is not None:
            yield from to_toml(tail, f"{table}.{kind}")


def with_tails(manifest: str, tails: ImpostorTails) -> str:
    """Returns the manifest's text with these tails instead of the ones it has."""
    return TABLES.sub("", manifest).rstrip("\n") + "\n" + "".join(to_toml(tails))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    path: Path = parser.parse_args().manifest
    with TemporaryDirectory() as folder:
        # The tails that are there may be of an older shape, with which no manifest is read.
        bare = Path(folder) / path.name
        bare.write_text(TABLES.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")
        shutil.copy(path.with_suffix(".onnx"), folder)
        embedder = Embedder.load(ModelSpec.read(bare), Execution(threads=2))
    write_tails(path, embedder)
    print(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
