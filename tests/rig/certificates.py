"""Certificates of an authority that exists for one test."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme


@dataclass(frozen=True)
class Certificate:
    """Paths of PEM files."""

    authority: Path
    chain: Path
    key: Path


@pytest.fixture
def certify(tmp_path: Path) -> Callable[..., Certificate]:
    """`certify("127.0.0.1")` makes an authority and a certificate of this host that it has signed."""

    def make(host: str) -> Certificate:
        authority = trustme.CA()
        signed = authority.issue_cert(host)
        folder = tmp_path / f"certificate-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        made = Certificate(folder / "ca.pem", folder / "chain.pem", folder / "key.pem")
        authority.cert_pem.write_to_path(str(made.authority))
        signed.private_key_pem.write_to_path(str(made.key))
        for blob in signed.cert_chain_pems:
            blob.write_to_path(str(made.chain), append=True)
        return made

    return make
