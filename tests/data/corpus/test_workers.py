"""Work of several processes comes in order, and ends with the process that asked for it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import pytest

from dirvae.data.corpus import workers
from dirvae.data.corpus.workers import in_order
from tests.pages import FENCE, ROOT


def squared(number):
    time.sleep(0.02 if number % 3 == 0 else 0)
    if number == 13:
        raise ValueError("13 is no number")
    return number**2, os.getpid()


@pytest.fixture
def forked(monkeypatch):
    """Workers that start at once."""
    context = multiprocessing.get_context("fork")

    def pool(count, module):
        return ProcessPoolExecutor(count, context, workers._end_with_parent)

    monkeypatch.setattr(workers, "_pool", pool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_results_come_in_order_from_several_processes(forked):
    taken = []

    def tasks():
        for number in range(12):
            taken.append(number)
            yield (number,)

    found = in_order(squared, tasks(), 2)
    first = next(found)
    assert len(taken) <= 4  # no more are in memory
    results = [first, *found]
    assert [square for square, _ in results] == [number**2 for number in range(12)]
    assert os.getpid() not in {process for _, process in results}


def test_few_tasks_are_done_in_this_process(forked):
    assert {process for _, process in in_order(squared, [(1,), (2,)], 2)} == {os.getpid()}
    assert {process for _, process in in_order(squared, [(n,) for n in range(5)], 1)} == {
        os.getpid()
    }


def test_an_error_of_a_worker_ends_the_work(forked):
    with pytest.raises(ValueError, match="13 is no number"):
        list(in_order(squared, [(number,) for number in range(30)], 2))


def test_an_executor_does_all_tasks_in_order(monkeypatch):
    monkeypatch.setattr(workers, "AT_ONCE", 3)
    taken, threads = [], set()

    def task(number):
        threads.add(threading.current_thread().name)
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number**2

    def tasks():
        for number in range(8):
            taken.append(number)
            yield (number,)

    with ThreadPoolExecutor(2, "ours") as executor:
        found = in_order(task, tasks(), executor)
        first = next(found)
        assert len(taken) == 3  # no more wait or are done
        assert [first, *found] == [number**2 for number in range(8)]
        assert executor.submit(int).result() == 0  # it is its owner's to end
    assert all(name.startswith("ours") for name in threads)


def test_the_executor_of_the_docs_does_all_tasks_in_order(monkeypatch):
    """With what it uses of Ray, in threads: functions made once, their calls, and futures."""
    page = (ROOT / "docs" / "corpora.md").read_text(encoding="utf-8")
    [source] = [source for _, source in FENCE.findall(page) if "class OnRay" in source]
    made = []
    with ThreadPoolExecutor(2) as threads:

        def called(function, *args):
            return SimpleNamespace(future=lambda: threads.submit(function, *args))

        def remote(**options):
            def made_of(function):
                made.append((function, options))
                return SimpleNamespace(remote=partial(called, function))

            return made_of

        monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(remote=remote))
        found = {}
        exec(source[: source.index("ray.init()")], found)
        assert list(in_order(abs, ((-n,) for n in range(9)), found["OnRay"]())) == list(range(9))
    assert made == [(abs, {"max_retries": -1})]


def test_what_waits_in_an_executor_is_dropped_after_an_error():
    done = []

    def task(number):
        if number == 2:
            raise ValueError("2 is no number")
        time.sleep(0.05)
        done.append(number)

    with ThreadPoolExecutor(1) as executor, pytest.raises(ValueError, match="2 is no number"):
        list(in_order(task, [(number,) for number in range(40)], executor))
    assert done[:2] == [0, 1]
    assert len(done) < 5


@pytest.mark.parametrize("wrong", [0, 2.0, True, "2", None])
def test_what_is_no_number_of_workers_is_refused(wrong):
    with pytest.raises(ValueError, match="must be a whole number, 1 or more, or an executor"):
        workers.require_workers(wrong)


def test_workers_end_when_their_process_is_killed(forked):
    receiving, sending = multiprocessing.Pipe(duplex=False)
    parent = os.fork()
    if parent == 0:
        for _, process in in_order(squared, ((1,) for _ in range(10**6)), 2):
            sending.send(process)
        os._exit(0)
    worker = receiving.recv()
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    ended = time.monotonic() + 20
    while _runs(worker):
        assert time.monotonic() < ended, "the worker goes on"
        time.sleep(0.01)


def _runs(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_workers_that_count_start_without_what_they_do_not_need():
    told = "import sys, dirvae.data.corpus.building; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert not {"torch", "sklearn", "pandas", "pyarrow"} & set(ran.stdout.split())
