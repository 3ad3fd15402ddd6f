"""Data files and command lines as strangers may give them: read, or refused in one sentence.

Each case takes a sound file, changes it by a seed, and reads it as numbers, texts or a table, or
gives it to a command with a sound model; or it changes the options of a command. A case must end
in a result or in a refusal of one sentence, in time and within the memory budget. The file must
stay as it was, nothing else may be left, and an output must be whole or absent.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import random
import resource
import shutil
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
from PIL import Image
from scipy import io as scipy_io
from scipy import sparse

import dirvae
from benchmarks.hostile import HOSTILE, changed_bytes, changed_json, run
from dirvae.cli import app
from dirvae.data import read_rows, read_texts
from dirvae.data.metadata import read_metadata

GIB_ALLOWED, SLACK = 0.25, 512 * 2**20  # of memory for a file, and what else a case may take
N, D = 12, 5
RNG = np.random.default_rng(0)
COUNTS = RNG.poisson(3, (N, D))
NAMES = [f"word{d}" for d in range(D)]
CELLS = (
    *("", "NA", "nan", "inf", "-inf", "1e999", "-1", "1,5", "1.5.2", "0x10", "١٢", "9" * 400),
    *("\0", '"', '""', "'", "\n", "\r", "\t", ",", ";" * 50, "=cmd|' /C calc'!A0", "\u202eabc"),
    *("<script>alert(1)</script>", "\x1b[2J", "\u2028", "😀" * 100, "a" * 70_000, "True", "None"),
)
WORDS = (*CELLS, "-1", "0", "1e308", "/dev/zero", "/proc/self/mem", "..", "~", "--", "-h", "*")


# --- sound files ----------------------------------------------------------------------------------


def sound_files(folder: Path) -> None:
    """Write a small file of each kind, and a fitted model of topics and one of numbers."""
    files = folder / "files"
    files.mkdir()
    frame = pd.DataFrame(COUNTS, columns=NAMES)
    texts = pd.DataFrame({"id": range(N), "text": [f"a cat, {n} dogs\nand" for n in range(N)]})
    matrix = sparse.csr_matrix(COUNTS)
    frame.to_csv(files / "counts.csv", index=False)
    frame.to_csv(files / "counts.tsv", index=False, sep="\t")
    frame.to_parquet(files / "counts.parquet")
    texts.to_csv(files / "texts.csv", index=False)
    texts.to_parquet(files / "texts.parquet")
    texts.to_json(files / "texts.jsonl", orient="records", lines=True)
    (files / "texts.txt").write_text("\n".join(texts["text"]))
    np.save(files / "counts.npy", COUNTS)
    np.savez(files / "counts.npz", x=COUNTS, y=np.arange(N))
    sparse.save_npz(files / "sparse.npz", matrix)
    scipy_io.mmwrite(files / "counts.mtx", matrix)
    with gzip.open(files / "counts.mtx.gz", "wb") as file:
        scipy_io.mmwrite(file, matrix)
    with gzip.open(files / "texts.csv.gz", "wb") as file:
        file.write((files / "texts.csv").read_bytes())
    obs, var = (
        pd.DataFrame(index=pd.Index([f"{name}{n}" for n in range(size)], dtype=object))
        for name, size in (("cell", N), ("gene", D))
    )
    obs["age"] = np.arange(N)
    groups = pd.Index(["a", "b"], dtype=object)
    obs["group"] = pd.Categorical(groups[obs["age"] % 2], categories=groups)
    adata = anndata.AnnData(sparse.csr_matrix(COUNTS.astype(np.float32)), obs=obs, var=var)
    adata.write_h5ad(files / "counts.h5ad")
    _write_biom(files / "counts.biom")
    for n in range(3):
        pixels = RNG.integers(0, 256, (4, 4)).astype(np.uint8)
        Image.fromarray(pixels).save(files / f"image{n}.png")
    small: dict[str, Any] = {"max_epochs": 1, "hidden_sizes": (4,), "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dirvae.TopicModel(2, **small).fit(list(texts["text"])).save(folder / "models/topics")
        dirvae.CompositionModel(2, **small).fit(frame).save(folder / "models/counts")
        dirvae.DirichletVAE(2, **small).fit(COUNTS + 0.5).save(folder / "models/numbers")


def _write_biom(path: Path) -> None:
    entries = [[d, n, int(COUNTS[n, d])] for n in range(N) for d in range(D)]
    table = {"format": "Biological Observation Matrix 1.0.0", "format_url": "", "type": "OTU table"}
    table |= {"generated_by": "a test", "date": "2020-01-01T00:00:00", "id": "x"}
    table |= {"rows": [{"id": name, "metadata": None} for name in NAMES]}
    table |= {"columns": [{"id": f"s{n}", "metadata": None} for n in range(N)]}
    table |= {"matrix_type": "sparse", "matrix_element_type": "int", "shape": [D, N]}
    path.write_text(json.dumps(table | {"data": entries}))


# --- changes of a file ----------------------------------------------------------------------------


def changed_cells(content: bytes, rng: random.Random) -> bytes:
    """Put other text into fields, lines or numbers of a text file."""
    lines = content.decode().split("\n")
    for _ in range(rng.choice((1, 1, 2, 6))):
        line = rng.randrange(len(lines))
        mark = next((mark for mark in (",", "\t", " ") if mark in lines[line]), ",")
        cells = lines[line].split(mark)
        match rng.randrange(5):
            case 0 | 1:
                cells[rng.randrange(len(cells))] = rng.choice(CELLS)
            case 2:
                cells *= rng.choice((0, 2, 500))
            case 3:
                lines[line:line] = [rng.choice(lines)] * rng.choice((1, 50))
                continue
            case _:
                mark = rng.choice((",", ";", "\t", "|"))
        lines[line] = mark.join(cells)
    encoding = rng.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"))
    return "\n".join(lines).encode(encoding, "replace")


def changed_lines(content: bytes, rng: random.Random) -> bytes:
    """Change the values of some lines of JSON."""
    lines = content.splitlines()
    line = rng.randrange(len(lines))
    lines[line] = changed_json(lines[line], rng)
    return b"\n".join(lines)


def changed_archive(content: bytes, rng: random.Random) -> bytes:
    """Change members of a zip archive, which stays sound as such."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
        chosen = rng.choice(old.namelist())
        for name in old.namelist():
            member = old.read(name)
            if name == chosen and rng.random() < 0.1:
                continue
            if name == chosen:
                member = rng.choice((changed_array, changed_bytes))(member, rng)
            new.writestr(name, member, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    return packed.getvalue()


def changed_array(content: bytes, rng: random.Random) -> bytes:
    """Write other values, another type or another shape into an .npy file."""
    array = np.load(io.BytesIO(content), allow_pickle=False).copy()
    match rng.randrange(4):
        case 0 if array.size and array.dtype.kind in "iuf":
            extremes = (-1, 0, 2**31 - 1, 2**31, np.iinfo(np.int64).max, D, N)
            value = rng.choice(extremes) if array.dtype.kind != "f" else rng.choice((np.nan, -1.0))
            array.reshape(-1)[rng.randrange(array.size)] = np.asarray(value).astype(array.dtype)
        case 1:
            kinds = ("f2", "f8", "i1", "u8", "?", "c16", "S3", "U2", "M8[s]", "V4")
            with contextlib.suppress(ValueError, TypeError):
                array = array.astype(rng.choice(kinds))
        case 2:
            array = array.reshape(rng.choice(((-1,), (1, -1), (-1, 1, 1), (1, 1, -1))))
        case _:
            array = array[: rng.randrange(len(array) + 1)] if array.ndim else array
    written = io.BytesIO()
    np.save(written, array)
    head = written.getvalue()
    if rng.random() < 0.3:  # the header declares other sizes
        old, new = f"({N}".encode(), rng.choice((b"(10**9", b"(-1", b"(2**62", b"(999999999"))
        head = head.replace(old, new, 1)
    return head


def changed_hdf5(path: Path, rng: random.Random) -> None:
    """Write other values, attributes, links or parts into an HDF5 file."""
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        name = rng.choice(names)
        place = file[name]
        match rng.randrange(5):
            case 0 if isinstance(place, h5py.Dataset) and place.size and place.dtype.kind in "iuf":
                value = rng.choice((-1, 2**31 - 1, 2**40, 0, float("nan")))
                with contextlib.suppress(OverflowError, ValueError, TypeError, OSError):
                    place[...] = value
            case 1:
                del file[name]
            case 2:
                for key in list(place.attrs)[:2]:
                    with contextlib.suppress(Exception):
                        place.attrs[key] = rng.choice(
                            (-1, "x", [10**12, 10**12], [0], "csc_matrix")
                        )
            case 3:
                del file[name]
                file[name] = rng.choice(
                    (
                        h5py.SoftLink("/nowhere"),
                        h5py.SoftLink(f"/{name}"),
                        h5py.ExternalLink("/etc/passwd", "/x"),
                    )
                )
            case _:
                del file[name]
                shape = rng.choice(((0,), (3,), (10**9,), (10**6, 10**6)))
                file.create_dataset(name, shape, rng.choice(("f4", "i8", "S5", "?")), chunks=True)


BYTES: dict[str, tuple[Callable[[bytes, random.Random], bytes], ...]] = {
    ".csv": (changed_cells,),
    ".tsv": (changed_cells,),
    ".txt": (changed_cells,),
    ".mtx": (changed_cells,),
    ".jsonl": (changed_lines, changed_cells),
    ".biom": (changed_json,),
    ".npy": (changed_array,),
    ".npz": (changed_archive,),
}


def forge(sound: Path, path: Path, rng: random.Random) -> str:
    """Write a changed copy of a file; return what was done."""
    shutil.copy(sound, path)
    inner = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if inner == ".h5ad" and rng.random() < 0.7:
        with contextlib.suppress(KeyError, OSError, RuntimeError, ValueError):
            changed_hdf5(path, rng)
        return f"parts of {inner}"
    content = sound.read_bytes()
    known = BYTES.get(inner, ())
    if not known or rng.random() < 0.3:
        path.write_bytes(changed_bytes(content, rng))
        return f"bytes of {path.suffix}"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(rng.choice(known)(gzip.decompress(content), rng)))
    else:
        path.write_bytes(rng.choice(known)(content, rng))
    return f"values of {inner}"


# --- cases ----------------------------------------------------------------------------------------


def _read(path: Path, rng: random.Random) -> None:
    """As numbers, texts or a table; numbers that come must be numbers."""
    match rng.randrange(3):
        case 0:
            x = read_rows(path).x
            if not np.isfinite(x.data if sparse.issparse(x) else x).all():
                raise AssertionError("a value that is not finite was read")
            if sparse.issparse(x):
                x.toarray()
        case 1:
            read_texts(path)
        case _:
            read_metadata(path, "id")


def reading(path: Path, rng: random.Random) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _read(path, rng)
    except (ValueError, OSError) as error:
        return "told in several lines" if "\n" in str(error) else "refused"
    except Exception as error:
        return f"raised {type(error).__name__}"
    return "read"


def _ran(*arguments: str) -> str:
    """Run a command in this process; what it says must be one sentence if it fails."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            warnings.catch_warnings(),
        ):
            app(list(arguments))
    except SystemExit as ended:
        code = ended.code or 0
    except Exception as error:
        return f"raised {type(error).__name__}"
    else:
        code = 0
    if code == 0:
        return "done"
    *notes, last = err.getvalue().splitlines() or [""]
    sentence = last.startswith("Error: ") and not any(x.startswith("Error") for x in notes)
    return "refused" if sentence else f"refused by {last[:60]!r}"


def case(sound: Path, work: Path, seed: int) -> tuple[str, str]:
    """Do the case of a seed."""
    os.environ["DIRVAE_MEMORY"] = str(GIB_ALLOWED)
    rng = random.Random(seed)
    files = sorted((sound / "files").iterdir())
    chosen = rng.choice(files)
    path, output = work / chosen.name, work / rng.choice(("out.csv", "out.npy", "out.parquet"))
    os.chdir(work)  # what a command writes to a name of its own is seen, and goes
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if rng.random() < 0.7:
        kind = forge(chosen, path, rng)
        kept = path.read_bytes()
        result = reading(path, rng)
    else:
        model = str(sound / "models" / rng.choice(("topics", "counts", "numbers")))
        command = rng.choice(("transform", "transform", "evaluate", "info", "effects", "topics"))
        arguments = [command, model]
        if command != "info":
            arguments.append(str(path))
        if command == "transform":
            arguments += ["-o", str(output)]
        if rng.random() < 0.5:
            kind = f"{command}: {forge(chosen, path, rng)}"
        else:
            kind = f"{command}: options"
            shutil.copy(chosen, path)
            arguments = changed_options(arguments, rng)
        kept = path.read_bytes()
        result = _ran(*arguments)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    if grown > GIB_ALLOWED * 2**30 + SLACK:
        result = f"took {grown / 2**30:.1f} GiB"
    if not path.is_file() or path.read_bytes() != kept:
        result = "changed its input"
    left = {found.name for found in work.iterdir()} - {path.name}
    if left - ({output.name} if result == "done" else set()):
        result = f"left {len(left)} files after it was {result}"
    return kind, result


def changed_options(arguments: list[str], rng: random.Random) -> list[str]:
    """Leave out, repeat, swap or add arguments of a command."""
    changed = list(arguments)
    options = ("--array", "--id-column", "--text-column", "--encoding", "--layer", "--strip")
    options += ("--covariates", "--covariate-columns", "--label-column", "--top", "--format")
    for _ in range(rng.choice((1, 2, 3))):
        place = rng.randrange(1, len(changed) + 1)
        match rng.randrange(4):
            case 0:
                changed[place:place] = [rng.choice(options), rng.choice(WORDS).replace("\0", "")]
            case 1:
                changed[place:place] = [rng.choice(("--transpose", "--json", "--quiet", "-o"))]
            case 2 if place < len(changed):
                del changed[place]
            case _ if place < len(changed) and changed[place - 1] != "-o":
                changed[place] = rng.choice((*WORDS, *map(str, HOSTILE[:12]))).replace("\0", "")
    return changed


if __name__ == "__main__":
    sys.stdin.close()
    run("benchmarks.hostile_files", __doc__, sound_files, case)
