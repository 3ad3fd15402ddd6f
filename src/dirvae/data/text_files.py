"""Text from files: unpacked, decoded, and refused where that would be a guess."""

from __future__ import annotations

import codecs
import os
import zlib
from pathlib import Path

from dirvae.reading import fitting_memory, read_regular, unpacked

__all__ = ["UTF8", "damaged", "name_of", "read_text", "require_encoding"]

UTF8 = "utf-8"
GZIP = b"\x1f\x8b"
DETAIL = 160  # characters of what a library says
MEMORY_OF_TEXT = 4  # times its bytes: as it is, decoded, and what is made of it
# The mark of UTF-32 begins as that of UTF-16 does.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
NO_TEXTS = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a .parquet file",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
}


def name_of(path: Path, folder: Path) -> str:
    r"""Return the path below a folder in characters that can be written, whatever its bytes.

    Example:
        >>> name_of(Path(os.fsdecode(b"texts/caf\xe9.txt")), Path("texts"))
        'caf\\xe9.txt'
    """
    return os.fsencode(path.relative_to(folder)).decode(UTF8, "backslashreplace")


def require_encoding(encoding: str) -> None:
    """Raise ValueError unless Python has the encoding.

    Example:
        >>> require_encoding("cp1252")
    """
    try:
        "".encode(encoding)
    except (LookupError, ValueError):
        raise ValueError(
            f"encoding is {encoding!r}, which is not known; try utf-8, utf-16 or cp1252"
        ) from None


def read_text(path: Path, encoding: str = UTF8) -> tuple[str, tuple[str, ...]]:
    r"""Return what a text file holds, and notes of what was done to it.

    A file packed by gzip is unpacked, whatever its name. The mark that UTF-8, UTF-16 and UTF-32
    files may begin with is taken for what it is. Breaks of lines stay as they are.

    Raises:
        ValueError: If it is cut off, in another encoding, has NUL characters, or is no text; if it
            is no regular file, or takes more than the memory budget (`dirvae.reading`).

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.txt").write_text("größer", encoding="utf-16")
        ...     read_text(Path(folder, "a.txt"))
        ('größer', ('read as utf-16, because of its byte-order mark',))
    """
    require_encoding(encoding)
    with fitting_memory(path):
        return _decoded(path, _unpacked(path), encoding)


def _decoded(path: Path, data: bytes, encoding: str) -> tuple[str, tuple[str, ...]]:
    marked = next((name for mark, name in MARKS if data.startswith(mark)), None)
    if marked and not _may_be(encoding, marked):
        raise ValueError(
            f"{path} begins with the byte-order mark of {marked}: it is not {encoding}"
        )
    try:
        text = data.decode(marked or encoding)
    except UnicodeError as error:
        raise ValueError(_undecoded(path, data, encoding, error)) from error
    if "\0" in text:
        raise ValueError(
            f"{path} cannot be read: it has NUL characters, so it is {_what(data)}; save it as "
            "text, or give its encoding, such as utf-16-le"
        )
    notes = (f"read as {marked}, because of its byte-order mark",)
    return text.lstrip("\ufeff"), notes if marked and marked != "utf-8-sig" else ()


def damaged(path: Path, error: BaseException) -> Exception:
    """Return what to raise for a file whose reader raised ``error``."""
    if isinstance(error, OSError) and error.filename:
        return error
    detail = " ".join(str(error).split()).rstrip(".")
    if len(detail) > DETAIL:  # some quote all that they read
        detail = f"{detail[:DETAIL]}..."
    return ValueError(f"{path} cannot be read: it is cut off, or not what its name says ({detail})")


def _unpacked(path: Path) -> bytes:
    data = read_regular(path, MEMORY_OF_TEXT)
    if not data.startswith(GZIP):
        return data
    try:
        return unpacked(path, data, MEMORY_OF_TEXT)
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path, error) from error


def _may_be(encoding: str, marked: str) -> bool:
    """Whether what the user says agrees with the mark; UTF-8 is what nobody said."""
    name = codecs.lookup(encoding).name
    return name in (UTF8, "utf-8-sig") or name.startswith(marked)


def _undecoded(path: Path, data: bytes, encoding: str, error: UnicodeError) -> str:
    where = f" (byte {error.start})" if isinstance(error, UnicodeDecodeError) else ""
    if any(data.startswith(start) for start in NO_TEXTS):
        return f"{path} cannot be read: it is {_what(data)}, whatever its name says"
    return (
        f"{path} cannot be read: it is not {encoding}{where}; give its encoding, such as cp1252, "
        "which Excel writes on Windows in Western Europe"
    )


def _what(data: bytes) -> str:
    known = (what for start, what in NO_TEXTS.items() if data.startswith(start))
    return next(known, "UTF-16 without a byte-order mark, or not text")
