"""Text out of packages: pages are cleaned, licences are read, half a package is noticed."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from curation.base.errors import TryAgain
from pipelines.sources import RawDocument, write_documents
from pipelines.sources.debian import clean_page, package_license, page_license, unpack


def test_a_rendered_page_loses_overstrikes_header_and_indentation() -> None:
    body = "N\x08NA\x08A\n       l\x08ls\x08s - _\x08l一覧\n\n\n\n\nend"
    rendered = f"LS(1)  header  LS(1)\n\n{body}\nfooter"
    assert clean_page(rendered) == "NA\nls - l一覧\n\nend"


def test_a_page_states_its_own_licence() -> None:
    page = b'.\\" SPDX-License-Identifier: GPL-2.0-or-later\n.TH A 1'
    assert page_license(page, "NOASSERTION") == "GPL-2.0-or-later"
    assert page_license(b".TH A 1", "CC-BY-SA-4.0") == "CC-BY-SA-4.0"


def test_a_packages_licence_is_that_of_all_its_files() -> None:
    notice = "Format: x\n\nFiles: debian/*\nLicense: GPL-3+\n\nFiles: *\nLicense: GPL-2+\n text"
    assert package_license(notice) == "GPL-2.0-or-later"
    assert package_license("Files: *\nLicense: strange-licence") == "NOASSERTION"
    assert package_license("It was downloaded from somewhere") == "NOASSERTION"


def test_a_package_cut_in_two_is_removed_and_named(tmp_path: Path) -> None:
    deb = tmp_path / "manpages_1_all.deb"
    deb.write_bytes(b"!<arch>\nnot a whole package")
    with pytest.raises(TryAgain, match=r"manpages_1_all\.deb: not a whole package, removed"):
        list(unpack(deb))
    assert not deb.exists()


def test_files_of_a_package_come_sorted_and_unpacked(tmp_path: Path) -> None:
    deb = make_deb(tmp_path, {"usr/b.gz": gzip.compress(b"two"), "usr/a": b"one"})
    assert list(unpack(deb)) == [("usr/a", b"one"), ("usr/b", b"two")]


def test_documents_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.zst"
    good = RawDocument(id="1", text="日本", source="s", license="MIT", url=None)

    def broken():
        yield good
        raise RuntimeError("the network went away")

    with pytest.raises(RuntimeError):
        write_documents(path, broken())
    assert list(tmp_path.iterdir()) == []
    assert write_documents(path, [good]) == 6
    assert path.exists()


def make_deb(folder: Path, files: dict[str, bytes]) -> Path:
    """A minimal Debian package: an ar archive of debian-binary, control and data."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo("./" + name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    control = io.BytesIO()
    with tarfile.open(fileobj=control, mode="w:gz") as archive:
        content = b"Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n"
        member = tarfile.TarInfo("./control")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    path = folder / "x_1_all.deb"
    with path.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, content in (
            ("debian-binary", b"2.0\n"),
            ("control.tar.gz", control.getvalue()),
            ("data.tar.gz", data.getvalue()),
        ):
            file.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode())
            file.write(content + b"\n" * (len(content) % 2))
    return path
