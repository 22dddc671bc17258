"""Manuals out of Debian packages: downloaded by apt, unpacked in memory, nothing installed.

Works as a plain user: apt keeps its lists and its cache in a folder of ours. Man pages are rendered
by mandoc, which is fetched the same way; HTML by resiliparse. A page's licence is its own SPDX
line, else what the package's machine-readable copyright file says of all files, else NOASSERTION.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from curation.base.errors import Failed, TryAgain
from curation.base.store import make_dirs
from pipelines.sources import RawDocument, write_documents

# Pairs in Japanese and English, taken in this order until there are TEXT_BYTES of each language.
PACKAGES = {
    "ja": (
        "manpages-ja",
        "debian-reference-ja",
        "manpages-ja-dev",
        "developers-reference-ja",
        "maint-guide-ja",
        "debian-faq-ja",
    ),
    "en": (
        "manpages",
        "debian-reference-en",
        "developers-reference",
        "maint-guide",
        "debian-faq",
        "manpages-dev",
    ),
}
FIRST = 2  # of each language, always taken
TEXT_BYTES = 5_000_000  # a language; 10 MB together
RENDERER = "mandoc"
MAX_MEMBER_BYTES = 16 << 20  # a larger file in a package is passed over
COMMAND_SECONDS = 300

# Debian's short names (copyright-format 1.0) in SPDX.
SPDX = {
    "GPL-2": "GPL-2.0-only",
    "GPL-2+": "GPL-2.0-or-later",
    "GPL-3+": "GPL-3.0-or-later",
    "GFDL-1.2+": "GFDL-1.2-or-later",
    "GFDL-1.3+": "GFDL-1.3-or-later",
    "CC-BY-SA-3.0": "CC-BY-SA-3.0",
    "CC-BY-SA-4.0": "CC-BY-SA-4.0",
}


def available() -> bool:
    return shutil.which("apt-get") is not None and shutil.which("dpkg-deb") is not None


@dataclass(frozen=True, slots=True)
class Apt:
    """apt-get with state and cache under `folder`, so that no root and no lock is needed."""

    folder: Path

    def run(self, *arguments: str, cwd: Path) -> None:
        for name in ("state/lists/partial", "cache/archives/partial"):
            make_dirs(self.folder / name)
        options = {
            "Dir::State": self.folder / "state",
            "Dir::State::status": "/var/lib/dpkg/status",
            "Dir::Cache": self.folder / "cache",
            "APT::Sandbox::User": "",
            "Debug::NoLocking": "1",
            "Acquire::Retries": "2",
            "Acquire::http::Timeout": "20",
            "Acquire::Languages": "none",
        }
        command = ["apt-get", "-qq"]
        for key, value in options.items():
            command += ["-o", f"{key}={value}"]
        try:
            done = subprocess.run(
                [*command, *arguments],
                cwd=cwd,
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
                env={**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TryAgain(
                f"apt-get {' '.join(arguments)} did not end in {COMMAND_SECONDS} s: is there a "
                "network? Give your own text with --input PATH"
            ) from error
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise TryAgain(
                f"apt-get {' '.join(arguments)} failed: {''.join(last) or 'no reason given'}; "
                "give your own text with --input PATH, or try again"
            )

    def download(self, package: str) -> Path:
        """The .deb of a package, in the folder; downloaded at most once."""
        have = sorted(self.folder.glob(f"{package}_*.deb"))
        if not have:
            self.run("download", package, cwd=self.folder)
            have = sorted(self.folder.glob(f"{package}_*.deb"))
        if not have:
            raise TryAgain(f"apt-get downloaded no {package}_*.deb into {self.folder}")
        return have[-1]


def unpack(deb: Path) -> Iterator[tuple[str, bytes]]:
    """(path, bytes) of each regular file of a package, by path; .gz files decompressed."""
    process = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", os.fspath(deb)],
        capture_output=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if process.returncode:
        deb.unlink(missing_ok=True)
        raise TryAgain(f"{deb.name}: not a whole package, removed; run the same command again")
    with tarfile.open(fileobj=io.BytesIO(process.stdout)) as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            if not member.isfile() or member.size > MAX_MEMBER_BYTES:
                continue
            file = archive.extractfile(member)
            data = file.read() if file else b""
            path = member.name.removeprefix("./")
            if path.endswith(".gz"):
                path, data = path.removesuffix(".gz"), _gunzip(data)
            yield path, data


def _gunzip(data: bytes) -> bytes:
    """At most MAX_MEMBER_BYTES of the decompressed file."""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        return file.read(MAX_MEMBER_BYTES)


@dataclass(frozen=True, slots=True)
class Renderer:
    """mandoc, run on one page at a time; lines as wide as it can so that text is not cut."""

    binary: Path

    @classmethod
    def fetch(cls, apt: Apt) -> Renderer:
        installed = shutil.which(RENDERER)
        if installed:
            return cls(Path(installed))
        folder = apt.folder / "renderer"
        binary = folder / "usr/bin" / RENDERER
        if not binary.exists():
            deb = apt.download(RENDERER)
            subprocess.run(
                ["dpkg-deb", "-x", os.fspath(deb), os.fspath(folder)],
                check=True,
                timeout=COMMAND_SECONDS,
            )
        return cls(binary)

    def __call__(self, page: bytes) -> str:
        done = subprocess.run(
            [self.binary, "-K", "utf-8", "-T", "utf8", "-O", "width=1000,indent=0"],
            input=page,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return clean_page(done.stdout.decode(errors="replace"))


def clean_page(rendered: str) -> str:
    """A rendered page without overstrikes, indentation, header and footer line."""
    lines = [line.strip() for line in re.sub(r".\x08", "", rendered).splitlines()]
    body = "\n".join(lines[1:-1]).strip()
    return re.sub(r"\n{3,}", "\n\n", body)


def page_license(page: bytes, otherwise: str) -> str:
    match = re.search(rb"SPDX-License-Identifier: ([A-Za-z0-9.+() -]+)", page)
    return match.group(1).decode().strip() if match else otherwise


def package_license(copyright_file: str) -> str:
    """The SPDX id of the `Files: *` paragraph, or NOASSERTION."""
    for paragraph in copyright_file.split("\n\n"):
        if re.search(r"^Files:\s*\*\s*$", paragraph, re.M):
            match = re.search(r"^License:\s*(\S+)", paragraph, re.M)
            return SPDX.get(match.group(1), "NOASSERTION") if match else "NOASSERTION"
    return "NOASSERTION"


def extract(deb: Path, package: str, render: Callable[[bytes], str]) -> Iterator[RawDocument]:
    """The readable documents of one package: man pages and HTML pages, in path order."""
    from resiliparse.extract.html2text import extract_plain_text

    files = list(unpack(deb))
    notice = next((data for path, data in files if path.endswith("/copyright")), b"")
    license_ = package_license(notice.decode(errors="replace"))

    def read(item: tuple[str, bytes]) -> RawDocument | None:
        path, data = item
        if "/man/" in path and not data.startswith(b".so "):
            text = render(data)
        elif path.endswith(".html"):
            text = extract_plain_text(data.decode(errors="replace"), main_content=True)
        else:
            return None
        if not text.strip():
            return None
        return RawDocument(
            id=f"{package}/{path}",
            text=text,
            source=package,
            license=page_license(data[:4096], license_),
            url=None,
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for document in pool.map(read, files):
            if document is not None:
                yield document


def fetch(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """At least TEXT_BYTES of Japanese and of English under `folder`; the files written.

    Raises TryAgain where apt cannot reach its packages.
    """
    apt = Apt(folder / "debian")
    make_dirs(apt.folder)
    wanted = [folder / f"{package}.jsonl.zst" for names in PACKAGES.values() for package in names]
    render: Renderer | None = None
    written: list[Path] = []
    for language, packages in PACKAGES.items():
        have_bytes = 0
        for number, package in enumerate(packages):
            if number >= FIRST and have_bytes >= TEXT_BYTES:
                break
            path = folder / f"{package}.jsonl.zst"
            if not path.exists():
                if render is None:
                    say("asking apt for its package lists")
                    apt.run("update", cwd=apt.folder)
                    render = Renderer.fetch(apt)
                say(f"downloading {package}")
                write_documents(path, extract(apt.download(package), package, render))
            text_bytes = _text_bytes(path)
            say(f"{package}: {text_bytes / 1e6:.1f} MB of text ({language})")
            have_bytes += text_bytes
            written.append(path)
        if not have_bytes:
            raise Failed(f"the packages {', '.join(packages)} held no text")
    return [path for path in wanted if path in written]


def _text_bytes(path: Path) -> int:
    """Bytes of the unpacked file, which is within a few percent of its text."""
    import zstandard

    total = 0
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
        while piece := plain.read(1 << 20):
            total += len(piece)
    return total
