"""What is left when a process is disturbed at each of its writes, or two write at once.

A small library in C stands between the process and the system. It counts calls that change files
below a folder. At a chosen call it kills the process before the call, after the call or halfway
through a write; or it answers that the disk is full, or from then on that it is read-only; or it
moves the folder away, or sets the clock back by a year. Each operation is run once for each of its
calls and each fault, and several times by two processes at once. Afterwards what was there must be
as before or as an undisturbed run leaves it. The same command must then end as an undisturbed run
does. Linux with a C compiler.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { BEFORE, AFTER, HALFWAY, FULL, READ_ONLY, MOVED, CLOCK };
static long at = -1, seen = 0;
static int fault = BEFORE;
static char root[PATH_MAX];

void crash_arm(long n, int how, const char *below) {
    at = n; fault = how; seen = 0;
    strncpy(root, below, sizeof root - 1);
}
long crash_seen(void) { return seen; }

static int below(const char *path) {
    return root[0] && path && strncmp(path, root, strlen(root)) == 0;
}
static int fd_below(int fd) {
    char link[64], path[PATH_MAX];
    if (!root[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return below(path);
}
static int at_below(int fd, const char *path) {
    return path && path[0] == '/' ? below(path) : fd_below(fd);
}
static int hit(void) {
    if (!root[0]) return 0;
    long n = seen++;
    if (fault == READ_ONLY) return at >= 0 && n >= at;
    if (fault == MOVED && n == at) {
        char moved[PATH_MAX + 8];
        snprintf(moved, sizeof moved, "%s.moved", root);
        syscall(SYS_rename, root, moved);
    }
    return n == at && fault < READ_ONLY;
}
static void end(void) { kill(getpid(), SIGKILL); }

#define REAL(name) static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define PASS(type, mine, call, half) \
    if (!(mine) || !hit()) return call; \
    if (fault >= FULL) { errno = fault == FULL ? ENOSPC : EROFS; return -1; } \
    if (fault == BEFORE) end(); \
    if (fault == HALFWAY) { half; end(); } \
    { type done = call; end(); return done; }

ssize_t write(int fd, const void *data, size_t n) {
    REAL(write);
    PASS(ssize_t, fd_below(fd), real(fd, data, n), real(fd, data, n / 2))
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t place) {
    REAL(pwrite);
    PASS(ssize_t, fd_below(fd), real(fd, data, n, place), real(fd, data, n / 2, place))
}
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t place) {
    REAL(pwrite64);
    PASS(ssize_t, fd_below(fd), real(fd, data, n, place), real(fd, data, n / 2, place))
}
ssize_t writev(int fd, const struct iovec *parts, int n) {
    REAL(writev);
    PASS(ssize_t, fd_below(fd), real(fd, parts, n), real(fd, parts, n / 2))
}
int ftruncate(int fd, off_t n) { REAL(ftruncate); PASS(int, fd_below(fd), real(fd, n), ) }
int ftruncate64(int fd, off64_t n) { REAL(ftruncate64); PASS(int, fd_below(fd), real(fd, n), ) }
int fsync(int fd) { REAL(fsync); PASS(int, fd_below(fd), real(fd), ) }
int rename(const char *a, const char *b) { REAL(rename); PASS(int, below(b), real(a, b), ) }
int renameat(int f, const char *a, int g, const char *b) {
    REAL(renameat);
    PASS(int, at_below(g, b), real(f, a, g, b), )
}
int renameat2(int f, const char *a, int g, const char *b, unsigned int flags) {
    REAL(renameat2);
    PASS(int, at_below(g, b), real(f, a, g, b, flags), )
}
int link(const char *a, const char *b) { REAL(link); PASS(int, below(b), real(a, b), ) }
int symlink(const char *a, const char *b) { REAL(symlink); PASS(int, below(b), real(a, b), ) }
int unlink(const char *a) { REAL(unlink); PASS(int, below(a), real(a), ) }
int unlinkat(int f, const char *a, int flags) {
    REAL(unlinkat);
    PASS(int, at_below(f, a), real(f, a, flags), )
}
int rmdir(const char *a) { REAL(rmdir); PASS(int, below(a), real(a), ) }
int mkdir(const char *a, mode_t mode) { REAL(mkdir); PASS(int, below(a), real(a, mode), ) }
int chmod(const char *a, mode_t mode) { REAL(chmod); PASS(int, below(a), real(a, mode), ) }
#define OPEN(name) int name(const char *path, int flags, ...) { \
    mode_t mode = 0; \
    if (flags & O_CREAT) { va_list l; va_start(l, flags); mode = va_arg(l, mode_t); va_end(l); } \
    REAL(name); \
    PASS(int, (flags & O_CREAT) && below(path), real(path, flags, mode), ) \
}
OPEN(open)
OPEN(open64)
int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime);
    int done = real(clock, now);
    if (fault == CLOCK && at >= 0 && seen > at && clock == CLOCK_REALTIME)
        now->tv_sec -= 31536000;
    return done;
}
"""
FAULTS = (
    "killed before",
    "killed after",
    "killed halfway",
    "disk full",
    "read-only from then on",
    "folder moved away",
    "clock set back",
)
TWO = "two at once"
ARMED = "DIRVAE_CRASH_SHIM"
LATER = 0.02  # seconds by which the second of two begins after the first, and multiples
CARELESS = "write into a file that is there"  # as nobody should, to see that it is found


class Operation(NamedTuple):
    """What is done in a folder.

    Attributes:
        prepare: Puts into an empty folder what is there before.
        run: Does it, from the beginning or from what an earlier run left.
        state: What a folder says: of two that agree nothing that matters differs. It raises if what
            is there is neither whole nor absent.
    """

    prepare: Callable[[Path], None]
    run: Callable[[Path], None]
    state: Callable[[Path], Any]


# --- operations -----------------------------------------------------------------------------------


def _command(*arguments: object) -> None:
    """Run a command of ours in this process, in silence."""
    from dirvae.cli import app

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            app([str(argument) for argument in arguments])
        except SystemExit as ended:
            if ended.code:
                raise OSError(f"it ended with {ended.code}") from ended


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _hash_or_none(path: Path) -> str | None:
    return _hash(path) if path.exists() else None


def _model_or_none(path: Path) -> str | None:
    """What the weights of a model are, or None if none is there; one that is broken raises."""
    import dirvae
    from dirvae.persistence.folder import holds_model

    if not holds_model(path):
        return None
    model: Any = dirvae.load(path)
    tensors = model.vae_.state_dict()
    joined = b"".join(tensors[name].numpy().tobytes() for name in sorted(tensors))
    return hashlib.sha256(joined).hexdigest()


def _folder_or_none(path: Path) -> dict[str, str] | None:
    files = sorted(p for p in path.rglob("*") if p.is_file())
    return {str(p.relative_to(path)): _hash(p) for p in files} if path.exists() else None


def operations(sound: Path) -> dict[str, Operation]:
    """Those that write, on small data and models that are made here first."""
    import numpy as np

    import dirvae

    rng = np.random.default_rng(0)
    x = rng.random((40, 5)).astype(np.float32)
    np.save(sound / "x.npy", x)
    words = ("apple", "bread", "cheese", "dates", "eggs", "flour")
    texts = [" ".join(rng.choice(words, 6)) for _ in range(30)]
    (sound / "texts.csv").write_text("\n".join(["text", *texts]))
    small: dict[str, Any] = {"max_epochs": 1, "hidden_sizes": (4,)}
    models = [dirvae.DirichletVAE(2, random_state=seed, **small).fit(x) for seed in (0, 1)]
    models[0].save(sound / "first")
    models[1].save(sound / "second")
    fit = ["fit", "vae", sound / "x.npy", "-k", 2, "--hidden-sizes", 4, "--max-epochs", 3]
    fit += ["--batch-size", 20, "--seed", 0, "--quiet"]

    def nothing(folder: Path) -> None:
        pass

    def with_model(folder: Path) -> None:
        shutil.copytree(sound / "first", folder / "model")

    def with_file(folder: Path) -> None:
        (folder / "out.npy").write_bytes(b"before")

    def fits(folder: Path) -> None:
        going_on = (folder / "checkpoints" / "last.ckpt").exists()
        resumed = ["--resume"] if going_on else []
        _command(*fit, "-o", folder / "model", "--checkpoint-dir", folder / "checkpoints", *resumed)

    def builds(folder: Path) -> None:
        options = ["--min-df", 1, "--stop-words", "none", "--workers", 1, "--quiet"]
        _command("corpus", "build", sound / "texts.csv", "-o", folder / "corpus", *options)

    def corpus(folder: Path) -> Any:
        from dirvae.data import Corpus

        if not (folder / "corpus" / "manifest.json").exists():
            return None
        Corpus(folder / "corpus").verify()
        return _folder_or_none(folder / "corpus")

    def careless(folder: Path) -> None:
        (folder / "out.npy").write_bytes(b"after" * 4)

    transform = ["transform", sound / "first", sound / "x.npy", "--force"]
    report = ["report", sound / "first", sound / "x.npy", "--force"]
    return {
        "save a model": Operation(
            nothing, lambda f: models[1].save(f / "model"), lambda f: _model_or_none(f / "model")
        ),
        "replace a model": Operation(
            with_model, lambda f: models[1].save(f / "model"), lambda f: _model_or_none(f / "model")
        ),
        "fit with checkpoints": Operation(nothing, fits, lambda f: _model_or_none(f / "model")),
        "transform": Operation(
            with_file,
            lambda f: _command(*transform, "-o", f / "out.npy"),
            lambda f: _hash_or_none(f / "out.npy"),
        ),
        "report": Operation(
            nothing,
            lambda f: _command(*report, "-o", f / "page.html"),
            lambda f: _hash_or_none(f / "page.html"),
        ),
        "build a corpus": Operation(nothing, builds, corpus),
        CARELESS: Operation(with_file, careless, lambda f: _hash_or_none(f / "out.npy")),
    }


# --- faults ---------------------------------------------------------------------------------------


def outcomes(name: str, operation: Operation, most: int) -> Iterator[tuple[str, str]]:
    """Yield fault and outcome for each call that changes a file, or ``most`` of them evenly."""
    with _folder(operation) as folder:
        before = operation.state(folder)
        calls = _run(operation, folder, -1, 0)
        after = operation.state(folder)
    if calls < 0:
        raise RuntimeError(f"{name} fails without a fault")
    stride = max(1, -(-calls // most))
    for at in range(0, calls, stride):
        for how, fault in enumerate(FAULTS):
            yield fault, _outcome(operation, before, after, at, how)
    for number in range(min(most, calls)):
        yield TWO, _outcome_of_two(operation, before, after, LATER * number)


def _outcome(operation: Operation, before: Any, after: Any, at: int, how: int) -> str:
    with _folder(operation) as folder:
        ended = _run(operation, folder, at, how)
        moved = folder.with_name(f"{folder.name}.moved")
        if moved.exists() and not (folder.exists() and operation.state(folder) == after):
            shutil.rmtree(folder, ignore_errors=True)
            moved.rename(folder)
        try:
            left = operation.state(folder)
        except Exception as error:
            return f"broken: {type(error).__name__}"
        if left not in (before, after):
            return "neither old nor new"
        if ended >= 0 and left != after:
            return "said to be done, and is not"
        if FAULTS[how] == "clock set back" and ended < 0:
            return "failed for its clock"
        if FAULTS[how] == "disk full" and ended < 0 and _partials(folder):
            return "left a part of a file behind"
        if left == after:
            return "as it should be"
        if _run(operation, folder, -1, 0) < 0:
            return "does not go on"
        if operation.state(folder) != after:
            return "goes on to another result"
        if _partials(folder):
            return "as it should be, beside a hidden part of a file"
    return "as it should be"


def _outcome_of_two(operation: Operation, before: Any, after: Any, later: float) -> str:
    """Of two processes that do it in one folder, the second some seconds later."""
    with _folder(operation) as folder:
        first = _begin(operation, folder, -1, 0)
        time.sleep(later)
        ended = [_ended(*one) for one in (first, _begin(operation, folder, -1, 0))]
        try:
            left = operation.state(folder)
        except Exception as error:
            return f"broken: {type(error).__name__}"
        if max(ended) < 0 and left == before:
            return "neither was done"
        if left != after:
            return "neither old nor new"
        if _partials(folder):
            return "left a part of a file behind"
    return "as it should be" if min(ended) >= 0 else "as it should be, by one of them"


def _partials(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith(".partial")]


@contextlib.contextmanager
def _folder(operation: Operation) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work, "below").resolve()
        folder.mkdir()
        operation.prepare(folder)
        yield folder


def _run(operation: Operation, folder: Path, at: int, how: int) -> int:
    """Run it in a process of its own; return how many calls it made, or -1 if it failed."""
    return _ended(*_begin(operation, folder, at, how))


def _begin(operation: Operation, folder: Path, at: int, how: int) -> tuple[int, int]:
    """The process, and where it will write what is to be known of it."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                shim = ctypes.CDLL(None)
                shim.crash_arm(ctypes.c_long(at), how, str(folder).encode())
                operation.run(folder)
                seen = int(shim.crash_seen())
                shim.crash_arm(ctypes.c_long(-1), 0, b"")
            os.write(writing, str(seen).encode())
            status = 0
        except (OSError, ValueError) as error:  # told as one should be
            if os.environ.get("DIRVAE_CRASH_SHOW"):
                print(type(error).__name__, error, file=sys.stderr)
        finally:
            os._exit(status)
    os.close(writing)
    return child, reading


def _ended(child: int, reading: int) -> int:
    with os.fdopen(reading) as answer:
        told = answer.read()
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return int(told) if ended == 0 else -1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=1000, help="Calls of each operation.")
    parser.add_argument("--only", help="One operation.")
    parser.add_argument("--output", type=Path, help="File to add the counts to.")
    options = parser.parse_args()
    if ARMED not in os.environ:
        _start_again()
    with tempfile.TemporaryDirectory() as sound:
        counted: Counter[tuple[str, str, str]] = Counter()
        for name, operation in operations(Path(sound)).items():
            if name == options.only or (options.only is None and name != CARELESS):
                for fault, outcome in outcomes(name, operation, options.most):
                    counted[name, fault, outcome] += 1
    rows = [
        {"operation": name, "fault": fault, "outcome": outcome, "cases": n}
        for (name, fault, outcome), n in counted.items()
    ]
    print(json.dumps(rows, indent=1))
    if options.output:
        from dirvae.reproduce import record

        record.add(options.output, {"of": "crash_points", "most": options.most, "counts": rows})


def _start_again() -> None:
    """Compile the library and start this command with it in front of the system's own."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "shim.c"), Path(folder, "shim.so")
        source.write_text(SHIM)
        compiled = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
        subprocess.run(compiled, check=True)
        environment = os.environ | {"LD_PRELOAD": str(library), ARMED: "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "benchmarks.crash_points", *sys.argv[1:]]
        sys.exit(subprocess.run(command, env=environment).returncode)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main()
