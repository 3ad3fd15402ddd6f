"""A corpus is built whole, whatever happens on the way."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from dirvae.data import Corpus, Document
from dirvae.data.corpus import building, unfinished
from dirvae.data.corpus.counting import Counting
from dirvae.data.corpus.shards import checksum, digest_of
from dirvae.data.corpus.vocabulary import Limits
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


@pytest.mark.parametrize("moment", [LAST, LAST + 1, LAST + 2])
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


def test_two_builds_at_once_do_not_mix(tmp_path, undisturbed):
    folder = tmp_path / "corpus"

    def interfering():
        for row, text in enumerate(TEXTS):
            if row == 40:  # after the first shard of this build
                for others, options in ((TEXTS[::-1], {}), (TEXTS, {}), (TEXTS, {"ngrams": 2})):
                    with pytest.raises(BlockingIOError, match="written by another process: try"):
                        build(folder, others, **options)
            yield text

    build(folder, interfering())
    assert contents(folder) == undisturbed
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


@pytest.mark.slow
def test_several_processes_build_the_same(tmp_path, undisturbed):
    done = []
    build(tmp_path / "corpus", workers=2, progress=done.append)
    assert contents(tmp_path / "corpus") == undisturbed
    assert done == [30, 60, 90, 100]


def test_a_build_needs_a_worker(tmp_path):
    with pytest.raises(ValueError, match="workers is 0, must be a whole number, 1 or more"):
        build(tmp_path / "corpus", workers=0)
    assert not list(tmp_path.iterdir())


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
    "manifest", ['{"manifest_version": 3}', "[]", "no JSON", '{"kind": "model"}']
)
def test_a_folder_with_another_manifest_is_no_corpus(tmp_path, manifest):
    folder = tmp_path / "extension"
    folder.mkdir()
    (folder / "manifest.json").write_text(manifest)
    (folder / "background.js").write_text("code")
    with pytest.raises(ValueError, match="exists and is not a corpus; choose another folder"):
        build(folder, force=True)
    assert contents(folder) == {"manifest.json": manifest.encode(), "background.js": b"code"}


@pytest.mark.parametrize(
    "name", ["notes.txt", "shards/notes.txt", "shards/000000/notes.txt", "shards/000000/a/data.npy"]
)
def test_files_of_others_in_a_corpus_are_not_deleted(tmp_path, name):
    folder = tmp_path / "corpus"
    build(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("mine")
    there = contents(folder)
    first = Path(name) if "/a/" not in name else Path(name).parent
    with pytest.raises(ValueError, match=rf"not part of a corpus \({re.escape(str(first))}\)"):
        build(folder, force=True)
    assert contents(folder) == there


@pytest.mark.parametrize("force", [False, True])
def test_what_came_in_the_way_of_a_build_is_not_deleted(tmp_path, monkeypatch, force):
    folder = tmp_path / "corpus"
    if force:
        build(folder, TEXTS[:40])

    def meanwhile(*args, **options):
        folder.mkdir(exist_ok=True)
        (folder / "thesis.txt").write_text("mine")
        return write_manifest(*args, **options)

    write_manifest = unfinished.write_manifest
    with monkeypatch.context() as patch:
        patch.setattr(unfinished, "write_manifest", meanwhile)
        with pytest.raises(ValueError, match=r"not a corpus|not part of a corpus \(thesis"):
            build(folder, force=force)
    assert (folder / "thesis.txt").read_text() == "mine"
    (folder / "thesis.txt").unlink()
    if not force:
        folder.rmdir()
    build(folder, force=force)  # goes on
    assert Corpus(folder).shape[0] == 100


@pytest.mark.parametrize("name", [".DS_Store", "shards/Thumbs.db"])
def test_what_systems_leave_in_folders_does_not_keep_a_corpus(tmp_path, undisturbed, name):
    folder = tmp_path / "corpus"
    build(folder, TEXTS[:40])
    (folder / name).write_bytes(b"")
    build(folder, force=True)
    assert contents(folder) == undisturbed


def test_what_a_kill_left_in_a_corpus_does_not_keep_it(tmp_path, undisturbed):
    folder = tmp_path / "corpus"
    build(folder, TEXTS[:40])
    (folder / "shards" / ".000000.0123abcd.partial").mkdir()
    (folder / "shards" / ".000000.0123abcd.partial" / "data.npy").write_bytes(b"")
    build(folder, force=True)
    assert contents(folder) == undisturbed


@pytest.mark.parametrize(
    "name", ["corpus.replaced", ".corpus.replaced", ".corpora.0123456789abcdef.replaced"]
)
def test_a_folder_beside_a_corpus_stays(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.txt").write_text("precious")
    for _ in range(2):
        build(tmp_path / "corpus", force=True)
    assert {path.name for path in tmp_path.iterdir()} == {"corpus", name}
    assert (tmp_path / name / "thesis.txt").read_text() == "precious"


def test_a_corpus_behind_a_link_stays_and_the_link_becomes_the_new_one(tmp_path, undisturbed):
    build(tmp_path / "old", TEXTS[:40])
    there = contents(tmp_path / "old")
    (tmp_path / "corpus").symlink_to("old")
    build(tmp_path / "corpus", force=True)
    assert contents(tmp_path / "corpus") == undisturbed
    assert contents(tmp_path / "old") == there
    assert {path.name for path in tmp_path.iterdir()} == {"corpus", "old"}


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


# --- the steps of a build -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "lengths"),
    [
        (["a"] * 7, [3, 3, 1]),
        (["a"] * 6, [3, 3]),
        (["ten letter", "a", "b"], [1, 2]),
        (["nineteen!", "a", "bc"], [2, 1]),
        (["12345", "1234", "1", "x"], [3, 1]),
        ([["12345", "1234"], ["1"], ["x"], ["y"]], [2, 2]),
        ([["12345", "12345"], []], [1, 1]),
        ([], []),
    ],
)
def test_a_shard_ends_after_many_rows_or_characters(monkeypatch, texts, lengths):
    monkeypatch.setattr(building, "ROWS", 3)
    monkeypatch.setattr(building, "CHARACTERS", 10)
    documents = [Document(text) for text in texts]
    chunks = list(building._chunks(documents))
    assert list(map(len, chunks)) == lengths
    assert [document for chunk in chunks for document in chunk] == documents


def test_totals_are_documents_and_occurrences_of_each_word():
    dense = np.array([[2, 0, 1, 0], [0, 0, 3, 0], [300, 0, 1, 0]])
    expected = [(dense > 0).sum(0).tolist(), dense.sum(0).tolist()]
    assert building._totals(sparse.csr_matrix(dense.astype(np.int32))).tolist() == expected


def test_documents_whose_letters_are_parted_otherwise_are_others():
    told = ["ab", "c"], ["a", "bc"], ["abc", ""], [["ab"], ["c"]], [["a"], ["bc"]], ["\udcff"]
    digests = {digest_of(*building._as_bytes(rows)) for rows in told}
    assert len(digests) == len(told)


@pytest.mark.parametrize(
    ("unspaced", "documents", "is_refused"),
    [(0, 0, False), (0, 1, False), (1, 1, True), (1, 2, True), (1, 3, False), (1000, 2000, True)],
)
def test_half_of_the_texts_may_not_be_without_spaces(unspaced, documents, is_refused):
    if is_refused:
        with pytest.raises(ValueError, match=f"between words, {unspaced:,} of {documents:,}: give"):
            building._require_spaces(unspaced, documents)
    else:
        building._require_spaces(unspaced, documents)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ngrams": 1}, None),
        ({"ngrams": 10}, None),
        ({"ngrams": 11}, "ngrams is 11, must be at most 10"),
        ({"ngrams": True}, "ngrams is True, must be a whole number, 1 or more"),
        ({"vocabulary_size": 0}, "vocabulary_size is 0, must be a whole number, 1 or more"),
        ({"vocabulary_size": 1}, None),
        ({"vocabulary_size": 1.5}, "vocabulary_size is 1.5, must be a whole number, 1 or more"),
        ({"min_df": 0.0, "max_df": 1.0}, None),
        ({"min_df": 5, "max_df": 7}, None),
        ({"min_df": -0.1}, "min_df is -0.1, must be a number of documents or a share"),
        ({"max_df": 1.1}, "max_df is 1.1, must be a number of documents or a share"),
        ({"stop_words": "english"}, None),
        ({"stop_words": ["a"]}, None),
        ({"stop_words": None}, None),
        ({"stop_words": "a"}, "stop_words is 'a', must be a list of words, 'english' or None"),
    ],
)
def test_options_of_a_build_have_their_ranges(options, said):
    def check(ngrams=1, stop_words=None, **limits):
        building._require_limits(Counting(stop_words, ngrams), Limits(**limits))

    if said is None:
        check(**options)
    else:
        with pytest.raises(ValueError, match=said):
            check(**options)


NONE_KNOWN: dict[str, list[None]] = {"id": [None, None], "label": [None, None], "time": [None] * 2}


@pytest.mark.parametrize(
    ("told", "known", "said"),
    [
        ({}, [], None),
        ({}, ["label", "time"], None),
        ({"id": [1, 2], "label": ["a", None]}, ["id", "label"], None),
        ({"id": [1, None]}, ["id"], "some documents have no id; all or none must have one"),
        ({"id": [None, 2]}, [], "documents have a id, but the first has none"),
        ({"label": [None, "a"]}, ["id"], "some documents have no id|documents have a label"),
        ({"time": [None, 5]}, ["label"], "documents have a time, .* named, as columns={'time'"),
    ],
)
def test_what_is_known_of_one_document_is_known_of_all(told, known, said):
    if said is None:
        building._require_known(NONE_KNOWN | told, known)
    else:
        with pytest.raises(ValueError, match=said):
            building._require_known(NONE_KNOWN | told, known)


def test_a_column_that_is_named_may_be_empty_at_first(tmp_path):
    rows = [Document("a cat"), Document("a cat and a dog", label="x")]
    corpus = Corpus.build(tmp_path / "corpus", rows, columns={"label": "kind"})
    assert corpus.labels == [None, "x"]
    assert corpus.column("kind") == [None, "x"]
    assert corpus.ids is None


def test_shards_without_words_and_words_of_some_shards_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "ROWS", 1)
    done = []
    texts = ["the", "cat dog cat", "...", "emu dog", "the"]
    corpus = Corpus.build(tmp_path / "corpus", texts, progress=done.append)
    assert corpus.vocabulary.tolist() == ["cat", "dog", "emu"]
    assert corpus[:].toarray().tolist() == [[0] * 3, [2, 1, 0], [0] * 3, [0, 1, 1], [0] * 3]
    assert corpus.ends.tolist() == [0, 1, 2, 3, 4, 5]
    assert done == [1, 2, 3, 4, 5]
    some = Corpus.build(tmp_path / "some", texts, vocabulary=["emu", "cat"])
    assert some[:].toarray().tolist() == [[0, 0], [0, 2], [0, 0], [1, 0], [0, 0]]


def test_a_warning_points_at_the_caller_and_counts_all_shards(tmp_path):
    texts = [
        *TEXTS[:31],
        "我喜欢学习机器学习和自然语言处理",
        *TEXTS[:31],
        "我喜欢学习机器学习和自然语言处理",
    ]
    with pytest.warns(UserWarning, match="without spaces between words, 2 of 64:") as warned:
        Corpus.build(tmp_path / "corpus", texts)
    assert [entry.filename for entry in warned] == [__file__]


def test_only_the_first_shard_is_asked_for_spaces(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "ROWS", 2)
    texts = ["a cat", "a dog", *["我喜欢学习机器学习和自然语言处理"] * 4]
    with pytest.warns(UserWarning, match="without spaces between words, 4 of 6:"):
        Corpus.build(tmp_path / "corpus", texts)


def test_words_are_limited_by_their_number_and_documents(tmp_path):
    texts = ["one two three", "two three", "three three three", "four"]
    found = {
        name: Corpus.build(tmp_path / name, texts, stop_words=None, **options).vocabulary.tolist()
        for name, options in {
            "all": {},
            "two": {"vocabulary_size": 2},
            "common": {"min_df": 2},
            "rare": {"max_df": 1},
            "share": {"min_df": 0.5, "max_df": 0.5},
            "pairs": {"ngrams": 2, "min_df": 2},
        }.items()
    }
    assert found == {
        "all": ["four", "one", "three", "two"],
        "two": ["three", "two"],
        "common": ["three", "two"],
        "rare": ["four", "one"],
        "share": ["two"],
        "pairs": ["three", "two", "two three"],
    }


def test_an_error_in_the_middle_leaves_the_shards_that_were_counted(tmp_path):
    def read(number):
        yield from TEXTS[:number]
        raise OSError("the disk is gone")

    for folder, number in (("corpus", 30), ("none", 29)):
        with pytest.raises(OSError, match="the disk is gone"):
            Corpus.build(tmp_path / folder, read(number))
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.unfinished"]
    assert Corpus.build(tmp_path / "corpus", TEXTS[:30]).shape[0] == 30


def test_a_build_of_fewer_documents_is_refused_if_more_were_counted(tmp_path):
    place = tmp_path / "place"
    for number in range(3):
        (place / "counted" / f"{number:06d}").mkdir(parents=True)
    unfinished.require_no_more(place, 3)
    (place / "shards" / "000003").mkdir(parents=True)
    for num_shards in (3, 5):
        with pytest.raises(ValueError, match="place holds an unfinished build of more documents"):
            unfinished.require_no_more(place, num_shards)
    unfinished.require_no_more(place, 4)


# --- the command ----------------------------------------------------------------------------------


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
