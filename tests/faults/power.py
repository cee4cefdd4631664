"""The shim: builds it, tells it what to break, and makes the disk that a loss of power leaves."""

from __future__ import annotations

import mmap
import os
import random
import shutil
import struct
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

Loss = Literal["unsynced", "entries", "some"]
"""What a loss of power takes: everything that was not synced; names that were not, too (the directory itself was not
synced); any part, by sectors of 512 bytes, of what was not synced."""

LOSSES: Final[tuple[Loss, ...]] = ("unsynced", "entries", "some")
SECTOR: Final = 512
SOURCE: Final = Path(__file__).with_name("shim.c")


def compiler() -> str | None:
    """The C compiler, or None where there is none."""
    return shutil.which("cc") or shutil.which("gcc")


@lru_cache(maxsize=1)
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Where the library is; gone at the end of the process."""
    return tempfile.TemporaryDirectory(prefix="chat-faults-")


@lru_cache(maxsize=1)
def built() -> Path:
    """The shim as a shared library, built once for a process.

    Raises:
        RuntimeError: it cannot be built; the text is the compiler's.
    """
    found = compiler()
    if found is None:
        raise RuntimeError("no C compiler: install gcc and libc6-dev")
    target = Path(_folder().name) / "shim.so"
    command = [found, "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(target), str(SOURCE), "-ldl"]
    result = subprocess.run([*command, "-lpthread"], capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(result.stderr)
    return target


class Shim:
    """What is told to servers that run under the shim; one for a data directory.

    ``root`` is the directory above the data directory. With ``mirror`` it also keeps what is on stable storage.
    """

    def __init__(self, root: Path, *, mirror: bool = False) -> None:
        self.root = root
        self._place = Path(tempfile.mkdtemp(prefix="shim-", dir=root.parent))
        self._mirror = self._place / "mirror" if mirror else None
        path = self._place / "control"
        path.write_bytes(bytes(24))
        with path.open("r+b") as file:
            self._control = mmap.mmap(file.fileno(), 24)
        self.variables = {"LD_PRELOAD": str(built()), "FAULT_ROOT": str(root), "FAULT_CONTROL": str(path)}
        if self._mirror is not None:
            self.variables["FAULT_MIRROR"] = str(self._mirror)
            self.take_over()

    def set(
        self, *, sync_fails: bool = False, full: bool = False, log_full: bool = False, frozen: bool = False,
        offset_s: int = 0,
    ) -> None:  # fmt: skip
        """Break this from now on, and nothing else."""
        self._control[:] = struct.pack("=iiiiq", sync_fails, full, log_full, frozen, offset_s)

    def take_over(self) -> None:
        """Everything that is there now is on stable storage."""
        assert self._mirror is not None
        shutil.rmtree(self._mirror, ignore_errors=True)
        for kind in "id":
            (self._mirror / kind).mkdir(parents=True)
        for folder, _, files in os.walk(self.root):
            entries = [(entry.inode(), entry.name) for entry in os.scandir(folder)]
            listing = "".join(f"{number} {name}\n" for number, name in entries)
            (self._mirror / "d" / str(Path(folder).stat().st_ino)).write_text(listing)
            for name in files:
                path = Path(folder) / name
                if path.is_file() and not path.is_symlink():
                    shutil.copyfile(path, self._mirror / "i" / str(path.stat().st_ino))

    def lose_power(self, loss: Loss, chance: random.Random) -> None:
        """Make ``root`` what the disk holds after a loss of power; no server may run."""
        assert self._mirror is not None
        image = self._place / "image"
        shutil.rmtree(image, ignore_errors=True)
        self._restore(self.root, image, loss, chance)
        for path in self.root.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in image.iterdir():
            path.rename(self.root / path.name)
        self.take_over()

    def _restore(self, folder: Path, target: Path, loss: Loss, chance: random.Random) -> None:
        assert self._mirror is not None
        target.mkdir(mode=0o700)
        numbers = {entry.name: entry.inode() for entry in os.scandir(folder)}
        if loss == "entries":
            listing = self._mirror / "d" / str(folder.stat().st_ino)
            kept = listing.read_text().splitlines() if listing.exists() else []
            numbers = {name: int(number) for number, name in (line.split(" ", 1) for line in kept)}
        for name, number in sorted(numbers.items()):
            path = folder / name
            if path.is_dir():
                self._restore(path, target / name, loss, chance)
            elif not path.is_socket():
                self._restore_file(path, self._mirror / "i" / str(number), target / name, loss, chance)

    def _restore_file(self, path: Path, kept: Path, target: Path, loss: Loss, chance: random.Random) -> None:
        safe = kept.read_bytes() if kept.exists() else b""
        if loss == "some" and path.exists() and path.read_bytes() != safe:
            safe = _torn(safe, path.read_bytes(), chance)
        target.write_bytes(safe)
        target.chmod(0o600)


def _torn(safe: bytes, newest: bytes, chance: random.Random) -> bytes:
    """A file of which any sectors that were written and not synced have reached the disk, in any order."""
    share = chance.random()
    size = chance.choice((len(safe), len(newest)))
    sectors = []
    for at in range(0, size, SECTOR):
        old, new = safe[at : at + SECTOR], newest[at : at + SECTOR]
        length = min(SECTOR, size - at)
        taken = new if old != new and chance.random() < share else old
        sectors.append(taken[:length].ljust(length, b"\0"))
    return b"".join(sectors)
