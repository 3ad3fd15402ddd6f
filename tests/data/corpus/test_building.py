"""A corpus is built whole, whatever happens on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dirvae.data import Corpus, Document
from dirvae.data.corpus.shards import checksum
from tests.data.corpus.killed import contents, run_until

RNG = np.random.default_rng(0)
NAMES = [f"{a}{b}" for a in ("sea", "moon", "tree", "cat") for b in "abcdefghijklm"]
TEXTS = [" ".join(RNG.choice(NAMES, 8)) for _ in range(100)]
LAST = 85  # changes of the disk in a build of these


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr("dirvae.data.corpus.building.ROWS", 30)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "corpus"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dirvae.data.corpus.building.ROWS", 30)
        build(folder)
    return contents(folder)


def build(folder, texts=TEXTS, **options):
    return Corpus.build(folder, (Document(text, n) for n, text in enumerate(texts)), **options)


def test_a_build_that_is_killed_at_any_moment_goes_on(tmp_path, undisturbed):
    """Each moment once, in an order of chance, until the build comes to its end."""
    folder, moments = tmp_path / "corpus", np.random.default_rng(1).integers(8, 45, 60)
    killed = 0
    for moment in moments.tolist():
        if run_until(moment, lambda: build(folder)):
            break
        killed += 1
    assert killed >= 3
    assert contents(folder) == undisturbed
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


@pytest.mark.parametrize("moment", [3, 10, 30, 40, 60, LAST - 1, LAST])
def test_one_kill_changes_nothing(tmp_path, undisturbed, moment):
    folder = tmp_path / "corpus"
    assert not run_until(moment, lambda: build(folder))
    assert not folder.exists()
    build(folder)
    assert contents(folder) == undisturbed


@pytest.mark.parametrize("moment", [LAST + 1, LAST + 2, LAST + 3])
def test_a_corpus_is_replaced_when_the_other_is_whole(tmp_path, undisturbed, moment):
    folder = tmp_path / "corpus"
    before = build(folder, TEXTS[:40]).shape[0]
    assert not run_until(moment, lambda: build(folder, force=True))
    there = [path for path in tmp_path.iterdir() if (path / "manifest.json").exists()]
    assert before in [Corpus(path).shape[0] for path in there]
    build(folder, force=True)
    assert contents(folder) == undisturbed
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_shards_that_a_loss_of_power_cut_off_are_counted_again(tmp_path, undisturbed):
    folder = tmp_path / "corpus"
    assert not run_until(41, lambda: build(folder))
    shards = sorted(path.parent for path in tmp_path.rglob("shard.json"))
    assert [shard.parent.name for shard in shards] == ["counted"] * 3 + ["shards"]
    damaged = ("indices.npy", "shard.json", "words.npy", "data.npy")
    for shard, name in zip(shards, damaged, strict=True):
        (shard / name).write_bytes((shard / name).read_bytes()[:-20])
    build(folder)
    assert contents(folder) == undisturbed


class Opened:
    """Says so where it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("opened",)


def test_objects_in_a_forged_unfinished_build_are_not_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not run_until(41, lambda: build("corpus"))
    [shard, *_] = sorted(path.parent for path in tmp_path.rglob("counted/*/shard.json"))
    np.save(shard / "words.npy", np.array([Opened()], dtype=object), allow_pickle=True)
    facts = json.loads((shard / "shard.json").read_text())
    [sums] = [value for value in facts.values() if isinstance(value, dict)]
    sums["words.npy"] = checksum(shard / "words.npy")
    (shard / "shard.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        build("corpus")
    assert not (tmp_path / "opened").exists()


def test_a_build_goes_on_with_the_same_documents_alone(tmp_path):
    folder = tmp_path / "corpus"
    assert not run_until(35, lambda: build(folder))
    others = [*TEXTS[:10], "another text", *TEXTS[11:]]
    with pytest.raises(ValueError, match="unfinished build of other documents"):
        build(folder, others)
    with pytest.raises(ValueError, match="unfinished build with other options"):
        build(folder, ngrams=2)
    with pytest.raises(ValueError, match="unfinished build of more documents"):
        build(folder, TEXTS[:30])
    assert build(folder).shape[0] == 100


@pytest.mark.slow
def test_several_processes_build_the_same(tmp_path, undisturbed):
    done = []
    build(tmp_path / "corpus", workers=2, progress=done.append)
    assert contents(tmp_path / "corpus") == undisturbed
    assert done == [30, 60, 90, 100]


def test_an_executor_builds_the_same(tmp_path, undisturbed):
    with ThreadPoolExecutor(2) as executor:
        build(tmp_path / "corpus", workers=executor)
    assert contents(tmp_path / "corpus") == undisturbed


def test_limits_that_leave_no_word_may_be_changed(tmp_path, undisturbed, monkeypatch):
    folder, counted = tmp_path / "corpus", []
    with pytest.raises(ValueError, match="none of them in 99 to 100 documents"):
        build(folder, min_df=99, max_df=100)
    monkeypatch.setattr("dirvae.data.corpus.building.count", lambda *_: counted.append(1))
    build(folder)
    assert counted == []
    assert contents(folder) == undisturbed


def test_words_that_were_chosen_stay(tmp_path):
    folder = tmp_path / "corpus"
    assert not run_until(45, lambda: build(folder))
    assert (tmp_path / "corpus.unfinished" / "vocabulary.json").exists()
    with pytest.raises(ValueError, match="unfinished build with other options"):
        build(folder, min_df=3)


def test_an_error_before_the_first_shard_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="must be texts"):
        Corpus.build(tmp_path / "corpus", ["a cat", 5])
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_replaced_unasked(tmp_path):
    (tmp_path / "mine").mkdir()
    for force in (False, True):
        with pytest.raises(ValueError, match="exists and is not a corpus"):
            build(tmp_path / "mine", force=force)
    build(tmp_path / "corpus")
    with pytest.raises(ValueError, match="exists; choose another folder, or replace it"):
        build(tmp_path / "corpus")
    (tmp_path / "new.unfinished").mkdir()
    (tmp_path / "new.unfinished" / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match=r"new\.unfinished holds something else"):
        build(tmp_path / "new")
    assert (tmp_path / "new.unfinished" / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        ([], {}, "documents is empty"),
        (["the", "..."], {}, "no words to count"),
        (["a cat", 5], {}, "documents have a int, must be texts or lists of words"),
        (["a cat", ["a", "list"]], {}, "have a list in row 1 of shard 0, must be texts"),
        (["我喜欢学习机器学习和自然语言处理"], {}, "without spaces between words, 1 of 1"),
        (["a cat", Document("two", label="x")], {}, "have a label, but the first has none"),
        ([Document("a", 1), Document("two")], {}, "some documents have no id"),
        (TEXTS, {"ngrams": 0}, "ngrams is 0, must be a whole number"),
        (TEXTS, {"ngrams": 11}, "ngrams is 11, must be at most 10"),
        (TEXTS, {"min_df": 1.5}, "min_df is 1.5, must be a number of documents or a share"),
        (TEXTS, {"stop_words": "german"}, "stop_words is 'german', must be a list"),
        (TEXTS, {"vocabulary": ["a", "a"]}, "vocabulary must be a list of different strings"),
    ],
)
def test_what_cannot_be_counted_is_refused(tmp_path, texts, options, message):
    with pytest.raises(ValueError, match=message):
        Corpus.build(tmp_path / "corpus", texts, **options)
    assert not (tmp_path / "corpus").exists()


def test_words_that_are_given_are_the_columns_in_their_order(tmp_path):
    words = ["treea", "nowhere", "cata"]
    corpus = build(tmp_path / "corpus", vocabulary=words)
    assert corpus.vocabulary.tolist() == words
    tokens = [text.split() for text in TEXTS]
    expected = [[words_of.count(word) for word in words] for words_of in tokens]
    assert corpus[:].toarray().tolist() == expected
    assert corpus[:].has_canonical_format


def test_lists_of_words_are_counted_as_they_are(tmp_path):
    corpus = Corpus.build(tmp_path / "corpus", [["The", "x 1"], ["The"], []])
    assert corpus.vocabulary.tolist() == ["The", "x 1"]
    assert corpus[:].toarray().tolist() == [[1, 1], [1, 0], [0, 0]]
    assert corpus.vectorizer.transform([["x 1"]]).toarray().tolist() == [[0, 1]]
    other = Corpus.build(tmp_path / "other", [["The", "x 1"], ["The"]], stop_words={"The"})
    assert other.vocabulary.tolist() == ["x 1"]


def test_some_texts_without_spaces_are_counted_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="without spaces between words, 1 of 101"):
        Corpus.build(tmp_path / "corpus", [*TEXTS, "我喜欢学习机器学习和自然语言处理"])


SCRIPT = """
import sys
from dirvae.cli import main
if __name__ == "__main__":
    main()
"""


NUMBER = 90_000  # documents, of which workers have five shards


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_command_is_killed_at_random_moments(tmp_path):
    """Twenty times, with two processes that count."""
    rng, names = np.random.default_rng(0), np.array([f"word{chr(97 + n)}" for n in range(26)])
    texts = map(" ".join, names[rng.integers(0, 26, (NUMBER, 20))])
    lines = (json.dumps({"text": text, "id": row}) + "\n" for row, text in enumerate(texts))
    (tmp_path / "texts.jsonl").write_text("".join(lines))
    (tmp_path / "command.py").write_text(SCRIPT)
    options = ["--id-column", "id", "--max-df", "1.0"]
    command = [sys.executable, "command.py", "corpus", "build", "texts.jsonl", *options]
    how = {"cwd": tmp_path, "stderr": subprocess.DEVNULL}
    began = time.monotonic()
    subprocess.run([*command, "-o", "whole"], check=True, **how)
    whole, kills = time.monotonic() - began, 0
    while kills < 20:
        run = subprocess.Popen([*command, "-o", "corpus"], start_new_session=True, **how)
        try:
            run.wait(rng.uniform(0.2, 1.0) * whole)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.wait()
            kills += 1
        else:
            assert run.returncode == 0
            assert contents(tmp_path / "corpus") == contents(tmp_path / "whole")
            os.rename(tmp_path / "corpus", tmp_path / f"done{kills}")
    subprocess.run([*command, "-o", "corpus"], check=True, **how)
    assert contents(tmp_path / "corpus") == contents(tmp_path / "whole")
    assert Corpus(tmp_path / "corpus").ids == list(range(NUMBER))
