"""The gradient laboratory finds what is known, and topic models are scored and filed as told."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import mpmath
import numpy as np
import pytest
import torch
from matplotlib.image import imread
from scipy import sparse

import dirvae
from benchmarks import corpus as corpora
from benchmarks import (
    covering,
    crash_points,
    gpu,
    hostile,
    hostile_files,
    hostile_models,
    mutants,
    odd_data,
    processes,
    reliability,
    scaling,
    topics_shown,
)
from benchmarks.gradients import FUNCTIONS, estimators, measure, weights
from benchmarks.topic_peers import MODELS, Fitted, installed, tokens
from benchmarks.topics import add, completion, scores
from dirvae import evaluation
from dirvae.reproduce.bags import Bags
from studies.choosing_tables import filled


def expectation(name: str, a: list[mpmath.mpf], w: list[float]) -> mpmath.mpf:
    """E[f(z)] from the moments of a Dirichlet."""
    total = mpmath.fsum(a)
    if name == "sum w z":
        parts = [x / total for x in a]
    elif name == "sum w z^2":
        parts = [x * (x + 1) / (total * (total + 1)) for x in a]
    else:
        parts = [mpmath.digamma(x) - mpmath.digamma(total) for x in a]
    return mpmath.fsum(c * part for c, part in zip(w, parts, strict=True))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("a", [[0.01, 0.3, 2.0], [1e3, 2e3, 5e3], [1e-3, 1e-3, 1e-3]])
def test_truth_is_the_derivative_of_the_mean(name: str, a: list[float]) -> None:
    w = weights(3).double()
    truth = FUNCTIONS[name].truth(torch.tensor(a, dtype=torch.float64), w)
    with mpmath.workdps(40):
        for k, found in enumerate(truth.tolist()):

            def mean(x: mpmath.mpf, k: int = k) -> mpmath.mpf:
                shifted = [x if j == k else mpmath.mpf(value) for j, value in enumerate(a)]
                return expectation(name, shifted, w.tolist())

            assert found == pytest.approx(float(mpmath.diff(mean, mpmath.mpf(a[k]))), rel=1e-9)


@pytest.mark.parametrize("a", [1e-3, 0.5, 100.0])
@pytest.mark.parametrize("name", [n for n in estimators() if n not in ("torch", "JAX", "NumPyro")])
def test_the_laboratory_tells_the_exact_from_the_approximate(name: str, a: float) -> None:
    torch.manual_seed(0)
    found = measure(estimators()[name], a, 2, 20_000)["functions"]["sum w log z"]
    if "another law" not in name:
        assert found["bias"] < 5 * found["bias_error"]  # fails once in 1e6 if nothing is wrong
    elif name.startswith(("Laplace", "MV")) or (name.startswith("inverse") and a > 0.1):
        assert found["bias"] > 5 * found["bias_error"]


def test_lost_draws_are_counted() -> None:
    torch.manual_seed(0)
    assert measure(estimators()["torch"], 1e-3, 2, 1000)["lost_share"] > 0.5
    assert measure(estimators()["Dirichlet"], 1e-3, 2, 1000)["lost_share"] == 0


# --- topic models ---------------------------------------------------------------------------------


def planted(number: int, seed: int) -> tuple[sparse.csr_matrix, Any]:
    """Documents of 30 tokens of one of two topics, which share no word, and an empty one."""
    rng = np.random.default_rng(seed)
    beta = np.kron(np.eye(2), np.full(15, 1 / 15))
    labels = np.arange(number) % 2
    return sparse.csr_matrix([rng.multinomial(30, beta[y]) for y in labels]), labels


@pytest.fixture(scope="module")
def corpus() -> Bags:
    (x, y), (x_test, y_test) = planted(80, 0), planted(40, 1)
    return Bags(x, x_test, y, y_test)


SLOW_TO_IMPORT = ("gensim", "topica", "topmost")  # where they are there at all


@pytest.mark.parametrize("name", [n for n in MODELS if MODELS[n][0] not in SLOW_TO_IMPORT])
def test_every_model_finds_planted_topics(name: str, corpus: Bags) -> None:
    package, _, make = MODELS[name]
    if missing := installed(package):
        pytest.skip(missing)
    fitted = make(corpus.train, 2, 1, 1)
    np.testing.assert_allclose(fitted.beta.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(fitted.transform(corpus.test).sum(1), 1, rtol=1e-5)
    found = scores(fitted, corpus)
    assert found["purity"] == found["nmi"] == found["probe"] == 1
    assert found["td25_relevance"] == 30 / 50
    assert found["npmi_probability"] > 0.5
    assert found["perplexity"] < 20  # 15 words of 30


def test_tokens_are_the_counts() -> None:
    x, _ = planted(5, 0)
    for row, document in zip(x.toarray(), tokens(x), strict=True):
        assert np.bincount(np.array(document, int), minlength=30).tolist() == row.tolist()
    assert tokens(sparse.csr_matrix((1, 3))) == [[]]


def test_completion_by_a_law_of_words_is_that_by_theta_and_beta(corpus: Bags) -> None:
    rng = np.random.default_rng(0)
    beta = rng.dirichlet(np.ones(30), 2)

    def transform(rows: Any) -> Any:
        return np.tile([0.3, 0.7], (rows.shape[0], 1))

    mixture, law = Fitted(beta, transform), Fitted(beta, transform, lambda theta: theta @ beta)
    assert completion(law, corpus) == pytest.approx(completion(mixture, corpus), rel=1e-12)
    assert "perplexity" not in scores(Fitted(beta, transform, False), corpus)
    _, scored = evaluation.split_tokens(corpus.test)
    words = np.log([0.3, 0.7] @ beta)
    expected = np.exp(-(scored @ words).sum() / scored.sum())
    assert completion(law, corpus) == pytest.approx(expected)


def row(model: str, seconds: float = 10.0, npmi: float = 0.3, **other: Any) -> dict[str, Any]:
    figures = {"seconds": seconds, "frequency_relevance": 300.0, "frequency_probability": 900.0}
    for by in topics_shown.RANKINGS:
        figures |= {f"npmi_{by}": npmi, f"td25_{by}": 0.5 + npmi}
    runs = [{"seed": 0, **figures}, {"seed": 1, **figures}]
    setting = {"threads": 2, "cores": 2, "load_before": 0.5}
    named = {"corpus": "ap", "topics": 50, "model": model, "setting": setting}
    return {**named, "mean": {**figures, "stability": 0.75}, "runs": runs, **other}


def test_a_run_replaces_its_own_row_only(tmp_path: Path) -> None:
    file = tmp_path / "results" / "topics.json"
    one_thread = {"threads": 1, "cores": 2, "load_before": 9.0}
    for made in (row("a"), row("b"), row("a", topics=20), row("a", corpus="bbc_news")):
        add(file, made)
    add(file, row("a", setting=one_thread))
    before = topics_shown.on_file(file)
    add(file, row("a", npmi=0.4))
    after = topics_shown.on_file(file)
    assert len(before) == len(after) == 5
    assert after[0] == row("a", npmi=0.4)
    assert after[1:] == before[1:]
    assert [path.name for path in file.parent.iterdir()] == ["topics.json"]
    with pytest.raises(ValueError, match="not JSON compliant"):
        add(file, row("a", npmi=float("nan")))
    assert json.loads(file.read_text())["results"] == after


def test_table_tells_both_rankings_and_whether_ours_is_better() -> None:
    rows = [row("dirvae", npmi=0.32), row("tomotopy LDA", npmi=0.30)]
    (table,) = topics_shown.tables(rows)
    assert table.title == "Associated Press, K = 50"
    assert "ranked by documents, +0.020 in NPMI and +0.020 in TD25" in table.note
    assert "above in both measures: 2 of 2" in table.note
    found = dict(zip(table.header, table.rows[0], strict=True))
    assert found["NPMI"] == "0.320 ± 0.000 / 0.320 ± 0.000"
    assert found["document frequency"] == "300 ± 0 / 900 ± 0"
    assert (found["probe"], found["stability"], found["seeds"]) == ("-", "0.750", "2")
    (table,) = topics_shown.tables([row("dirvae", npmi=0.2), row("tomotopy LDA", npmi=0.3)])
    assert "above in both measures: 0 of 2" in table.note
    text = topics_shown.table(rows)
    assert text.count("| ap | 50 | dirvae |") == 3  # the mean, and each of two seeds


def test_labels_of_the_picture_are_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes: list[Any] = []
    write = topics_shown._label

    def noted(*arguments: Any) -> Any:
        boxes.append(write(*arguments))
        return boxes[-1]

    monkeypatch.setattr(topics_shown, "_label", noted)
    rows = [row(n, 20 + i % 3, 0.3 + i % 4 / 100) for i, n in enumerate(MODELS)]  # near each other
    topics_shown.picture(rows, tmp_path / "quality.png")
    assert imread(tmp_path / "quality.png").shape[:2] == (576, 1320)
    assert len(boxes) == 2 * len(MODELS)
    for panel in (boxes[: len(MODELS)], boxes[len(MODELS) :]):
        assert not any(box.count_overlaps([b for b in panel if b is not box]) for box in panel)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    hostile_models.sound_models(folder)
    return folder


def test_forged_models_load_or_are_refused_in_one_sentence(sound: Path) -> None:
    found = hostile.cases(hostile_models.case, sound, 0, 60)
    assert sum(found.values()) == 60
    results = {result for _, result in found}
    assert results <= {"refused", "loaded", "loaded, and its use refused"}
    assert "refused" in results


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    hostile_files.sound_files(folder)
    return folder


def test_forged_files_are_read_or_refused_in_one_sentence(
    files: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIRVAE_MEMORY", "1")
    found = hostile.cases(hostile_files.case, files, 60, 50)
    assert {result for _, result in found} == {"read", "refused", "done"}


def test_what_a_reader_or_a_command_does_wrong_is_told(
    files: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of each kind of fault one, put in by hand: it is found by the first cases."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIRVAE_MEMORY", "1")

    def outcomes(fault: Any) -> set[str]:
        monkeypatch.setattr(hostile_files, "_read", fault)
        monkeypatch.setattr(hostile_files, "app", fault)
        return {result for _, result in hostile.cases(hostile_files.case, files, 0, 12)}

    def raises(*_: Any) -> None:
        raise KeyError("x")

    def writes(*_: Any) -> None:
        Path("half").write_text("half")

    def changes(*_: Any) -> None:
        for path in Path.cwd().iterdir():
            path.write_text("")

    assert outcomes(raises) == {"raised KeyError"}
    assert outcomes(writes) == {"left 1 files after it was read", "left 1 files after it was done"}
    assert outcomes(changes) == {"changed its input"}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyError("a"), "load raised KeyError"),
        (RecursionError(), "load raised RecursionError"),
        (dirvae.ModelFormatError("short"), "refused"),
        (ValueError("no"), "load raised ValueError"),
    ],
)
def test_what_escapes_a_loader_is_told(
    error: Exception, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise error

    monkeypatch.setattr(dirvae, "load", fail)
    assert hostile_models.outcome(Path("model")) == told


def test_a_seed_forges_the_same_folder_again(sound: Path, tmp_path: Path) -> None:
    for seed in range(12):
        kinds = {
            hostile_models.forged(sound / "topics", tmp_path / f"{seed}{n}", seed) for n in "ab"
        }
        assert len(kinds) == 1
        for name in ("config.json", "model.safetensors", "manifest.json"):
            one, two = (tmp_path / f"{seed}{n}" / name for n in "ab")
            assert one.read_bytes() == two.read_bytes()


def test_the_page_of_attacks_is_the_one_that_the_file_makes() -> None:
    text = reliability.PAGE.read_text(encoding="utf-8")
    assert all(f"<!-- table: {name} -->" in text for name in reliability.TABLES)
    assert text == filled(text, reliability.TABLES)


@pytest.mark.slow
def test_what_dies_at_a_write_is_whole_or_absent_and_carelessness_is_found(tmp_path: Path) -> None:
    """In processes with a library in front of the system's: it takes a C compiler."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    found = {}
    for name in ("replace a model", crash_points.CARELESS):
        command = [sys.executable, "-m", "benchmarks.crash_points", "--only", name, "--most", "3"]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        found[name] = {row["outcome"] for row in json.loads(ran.stdout)}
    assert found["replace a model"] == {"as it should be"}
    assert "neither old nor new" in found[crash_points.CARELESS]


def test_changes_of_code_are_those_that_the_text_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutants, "PROJECT", tmp_path)
    code = "def f(x):\n    return -x.sum() + 3 if x < 2 and not x else True\n"
    (tmp_path / "a.py").write_text(code)
    made = []
    for change in mutants.changes(tmp_path / "a.py"):
        made.append(change.apply(tmp_path)[1].removeprefix("return "))
        (tmp_path / "a.py").write_text(code)
    assert sorted(made) == sorted(
        [
            "+x.sum() + 3 if x < 2 and not x else True",
            "-x.mean() + 3 if x < 2 and not x else True",
            "-x.sum() - 3 if x < 2 and not x else True",
            "-x.sum() + 6 if x < 2 and not x else True",
            "-x.sum() + 3 if x <= 2 and not x else True",
            "-x.sum() + 3 if x < 3 and not x else True",
            "-x.sum() + 3 if x < 2 or not x else True",
            "-x.sum() + 3 if x < 2 and  x else True",
            "-x.sum() + 3 if x < 2 and not x else False",
        ]
    )


def test_files_are_tested_where_the_layout_says() -> None:
    own, package = mutants.tests_of("src/dirvae/distributions/_sparse.py")
    assert own[0] == "tests/distributions/test_mixed_multinomial.py"
    assert package[0] == "tests/distributions"
    assert mutants.tests_of("src/dirvae/objectives.py")[0][0] == "tests/test_objectives.py"


@pytest.mark.parametrize("name", odd_data.MODELS)
def test_odd_data_are_refused_or_all_that_is_said_of_them_is_finite(name: str) -> None:
    cases = [(kind, name, 1) for kind in ("heavy-tailed", "constant")]
    first = [odd_data.outcome(*case) for case in cases]
    assert [what for what, _ in first] == ["finite", "finite"]
    assert odd_data.in_threads(cases) == first


def test_what_is_not_finite_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def outcome_of(value: Any) -> str:
        monkeypatch.setattr(odd_data, "said", lambda *_: iter([("x", value)]))
        return odd_data.outcome("constant", "TopicModel", 0)[0]

    assert outcome_of(np.array([1.0, np.nan])) == "not finite"
    assert outcome_of("<script>[1,NaN,2]</script>") == "not finite"
    assert outcome_of('{"a":-Infinity}') == "not finite"
    assert outcome_of("No NaNs, no Infinity.") == outcome_of(1.5) == "finite"

    def refuses(*_: Any) -> Iterator[Any]:
        raise ValueError("X is odd\nand more")
        yield

    monkeypatch.setattr(odd_data, "said", refuses)
    assert odd_data.outcome("constant", "TopicModel", 0)[0] == "refused at length"


def test_a_change_is_noticed_by_the_first_test_that_fails_through_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def status(root: Path, tests: list[str]) -> int:
        ran.append(tests)
        changed = (root / "a.py").read_text() == "changed"
        broken = {"always": True, "by the change": changed}
        failed = [test for test in tests if broken.get(test)][:1]
        (root / mutants.FAILED).write_text("".join(failed))
        return len(failed)

    def noticed(own: list[str], others: list[str]) -> str:
        ran.clear()
        (tmp_path / "a.py").write_text("changed")
        monkeypatch.setattr(mutants, "tests_of", lambda file: (own, others))
        return mutants.noticed(tmp_path, mutants.Change("a.py", 0, 0, 0, ""), "whole", None)

    monkeypatch.setattr(mutants, "_status", status)
    assert noticed(["by the change"], ["x"]) == "own"
    assert ran == [["by the change"]]
    assert noticed(["x"], ["x", "by the change"]) == "others"
    assert noticed(["x"], ["x"]) == ""
    assert noticed(["x"], ["always"]) == ""  # which fails without the change, too


def test_a_line_is_known_by_the_tests_that_run_it(tmp_path: Path) -> None:
    data = coverage.CoverageData(str(tmp_path / "data"))
    contexts = {
        "tests/test_a.py::one|call": [2],
        "tests/test_a.py::two|setup": [3],
        "tests/test_b.py::three|call": [2, 3],
        "tests/test_b.py::failed|call": [4],
        "": [1],
    }
    for context, lines in contexts.items():
        data.set_context(context)
        data.add_lines({"/copy/src/dirvae/a.py": lines})
    seconds = {
        "tests/test_a.py::one": 3.0,
        "tests/test_a.py::two": 1.0,
        "tests/test_b.py::three": 2.0,
    }
    (tmp_path / "lines.json").write_text(json.dumps(covering.written(data, seconds)))
    lines = covering.Lines(tmp_path / "lines.json")

    def of(line: int, but: list[str], seconds: float) -> list[str]:
        found = lines.tests("src/dirvae/a.py", line, but=but, seconds=seconds)
        return [name.partition("::")[2] for name in found]

    assert of(2, [], 10) == ["three", "one"]
    assert of(2, [], 4.5) == ["three"]
    assert of(3, [], 10) == ["two", "three", "one"]  # what it was set up for may serve others
    assert of(3, ["tests/test_a.py"], 10) == ["three"]
    assert of(1, [], 10) == of(4, [], 10) == of(9, [], 10) == []


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)


def test_the_script_for_a_gpu_works_where_there_is_none(
    uncompiled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(size: gpu.Size, device: str) -> gpu.Rows:
        raise RuntimeError("no kernel image")

    shown = [s for s in gpu.SECTIONS if s is not gpu.tests]
    monkeypatch.setattr(gpu, "SECTIONS", (broken, *shown))
    found = gpu.measure(gpu.QUICK, "cpu", minutes=5)
    assert found["broken"]["error"] == "RuntimeError: no kernel image"
    assert all("rows" in found[section.__name__] for section in shown)
    ours, theirs = (
        max(r["largest_error"] for r in found["accuracy"]["rows"] if r["gradient"] == name)
        for name in ("dirvae", "torch")
    )
    assert ours < 5e-6 < theirs
    for row in found["steps"]["rows"]:
        times = row["milliseconds"]
        assert row["ratio"] == pytest.approx(times["dirichlet"] / times["gaussian"])
    page = gpu.page({"setting": {"torch": "2"}, "sections": found})
    assert "\nRuntimeError: no kernel image\n" in page
    assert page.count("\n| 4 | ") == len(gpu.WAYS)


def test_no_section_is_begun_when_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    found = gpu.measure(gpu.QUICK, "cpu", minutes=0)
    assert {name: list(told) for name, told in found.items()} == {
        section.__name__: ["left_out"] for section in gpu.SECTIONS
    }


def test_without_a_gpu_the_script_says_how_to_try_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["gpu"])
    with pytest.raises(SystemExit, match=r"there is no GPU .* --device cpu --quick tries"):
        gpu.main()


# --- corpora on disk ------------------------------------------------------------------------------


def test_synthetic_documents_have_their_words_and_topics(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    corpora.write_documents(path, 300, 40)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["id"] for row in rows] == list(range(300))
    assert {len(row["text"].split()) for row in rows} == {40}
    words = {corpora._word(number) for number in range(corpora.VOCABULARY)}
    assert len(words) == corpora.VOCABULARY
    assert {word for row in rows for word in row["text"].split()} <= words


def test_peaks_are_those_of_a_process_and_its_children() -> None:
    held = "import os, time; os.fork(); x = b'x' * %d; time.sleep(1); print('done')"
    printed, peaks = corpora.used_by([sys.executable, "-c", held % 2**27])
    assert printed.split() == ["done"] * 2
    assert 0.25 < peaks["peak_without_files_gib"] < 0.3  # twice an eighth
    assert peaks["peak_without_files_gib"] < peaks["peak_gib"] < 0.35


def test_cpu_is_that_of_a_process_and_its_children() -> None:
    busy = "import os, time; os.fork()\nwhile time.process_time() < .3: pass\ntime.sleep(1)"
    _, used = corpora.used_by([sys.executable, "-c", busy])
    assert 0.55 < used["cpu_seconds"] < 0.75  # twice .3, and what starts them


def test_cpu_of_a_process_that_has_ended_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    told = iter([2.0])
    monkeypatch.setattr(corpora, "_seconds", lambda process: next(told, 0.0))
    sleeps = [sys.executable, "-c", "import time; time.sleep(1)"]
    assert corpora.used_by(sleeps)[1]["cpu_seconds"] == 2


# --- how far it scales ----------------------------------------------------------------------------


def test_the_cost_of_a_step_is_found_again() -> None:
    told = scaling.Cost(0.01, 1e-6, 2e-5)
    steps = [
        {"words": v, "batch": b, "seconds": told.step(v, b)} for v in (2e3, 1e6) for b in (200, 5e3)
    ]
    assert scaling.fitted(steps) == pytest.approx(told)


def test_an_epoch_is_the_sum_of_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"BANDWIDTH": 1e9, "LATENCY": 0.0, "PRICE": 0.5}.items():
        monkeypatch.setattr(scaling, name, value)
    monkeypatch.setattr(scaling, "DOCUMENTS", 3.6e6)
    monkeypatch.setattr(scaling, "WORDS", 1e6)
    cost = scaling.Cost(0.1, 1e-7, 1e-4)  # .1 + .1 + .1 seconds a step of 1,000 documents
    alone = scaling.epoch(cost, 1, 1_000)
    assert alone == pytest.approx({"hours": 0.3, "dollars": 0.15, "waiting": 0, "terabytes": 0})
    four = scaling.epoch(cost, 4, 1_000)  # 900 steps, in which each sends 2 * 3/4 of 600 MB
    assert four == pytest.approx(
        {"hours": 0.3, "dollars": 0.6, "waiting": 0.75, "terabytes": 0.9 * 900 / 1000}
    )


# --- several processes ----------------------------------------------------------------------------


def test_what_processes_train_on_is_learned_from(tmp_path: Path) -> None:
    size = processes.Size(documents=60, rows=60, epochs=1, repetitions=1)
    processes.prepare(tmp_path, size)
    x = np.load(tmp_path / "rows.npy")
    assert x.shape == (60, 784)
    assert 0 <= x.min() < x.max() <= 1
    assert dirvae.data.Corpus(tmp_path / "corpus").shape[0] == 60
    for task in processes.TASKS:
        told = processes.trained(task, tmp_path, None, epochs=1, random_state=0)
        assert len(told["seconds"]) == len(told["cpu_seconds"]) == 1
        assert told["seconds"][0] > 0
        assert np.isfinite(told["elbo"])


def test_the_speed_of_processes_is_that_of_the_median_epoch() -> None:
    def told(*seconds: float) -> dict[str, Any]:
        return {"seconds": seconds, "cpu_seconds": seconds, "elbo": -2.0}

    runs = {
        "1": [told(1, 2, 9), told(4, 4, 4), told(1, 1, 1)],
        "2": [told(1, 1, 8), told(1, 1, 1), told(2, 2, 2)],
    }
    found = processes.summary(100, runs)
    assert found["1"]["speeds"] == [50, 25, 100]
    assert found["1"]["rows_a_second"] == 50
    assert found["ratios"] == [2, 4, 0.5]
    assert found["ratio"] == 2


@pytest.mark.learning
def test_the_benchmark_of_processes_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "processes", "--quick", "--task", "rows"]
    output = tmp_path / "found.json"
    subprocess.run([*command, "--output", str(output)], capture_output=True, check=True)
    found = json.loads(output.read_text())
    one, two = (found["tasks"]["rows"][number] for number in ("1", "2"))
    assert one["elbo"] != two["elbo"]
    assert found["tasks"]["rows"]["ratio"] > 0


def test_compositions_are_scored_and_what_is_not_asked_for_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks import compositions
    from dirvae.topics import composition

    rng, levels = np.random.default_rng(0), {"nationality": ("AAM", "AFR"), "bmi_group": ("lean",)}
    levels |= {"sex": ("female", "male"), "group": ("DI", "HE")}
    codes = {name: rng.integers(len(words), size=60) for name, words in levels.items()}
    counts = rng.multinomial(500, rng.dirichlet(np.ones(12), 60))
    np.savez(tmp_path / "dietswap.npz", counts=counts, subject=np.arange(60) // 2, **codes)
    lines = ["\t".join((name, *words)) for name, words in levels.items()]
    (tmp_path / "dietswap_categories.txt").write_text("\n".join(lines))
    (tmp_path / "dietswap_taxa.txt").write_text("\n".join(f"taxon {i}" for i in range(12)))
    monkeypatch.setenv("DIRVAE_DATA", str(tmp_path))
    monkeypatch.setattr(composition, "ROWS_TRAINED", 300)
    told = ["--data", "dietswap", "--components", "2", "--seeds", "0", "--shown", "2"]
    told += ["--output", str(tmp_path / "found.json"), "--picture", str(tmp_path / "found.png")]

    def run(*models: str) -> list[dict[str, Any]]:
        monkeypatch.setattr(sys, "argv", ["compositions", *told, "--models", *models])
        compositions.main()
        found: list[dict[str, Any]] = json.loads((tmp_path / "found.json").read_text())["results"]
        return found

    every = run(*compositions.MODELS)
    assert len(every) == len(compositions.MODELS)
    scores = [score["nats"] for result in every for score in result["scores"].values()]
    assert np.isfinite(scores).all()
    of_covariates = list(compositions.MODELS)[1]
    again = run(of_covariates)
    assert [(r["model"], r["seed"]) for r in again] == [(r["model"], r["seed"]) for r in every]
    for old, new in zip(every, again, strict=True):
        assert old["scores"] == new["scores"]  # the same seeds
        assert (old == new) == (old["model"] != of_covariates)  # its seconds alone are others
