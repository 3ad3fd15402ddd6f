"""Tables: the paper's numbers beside ours, old runs included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dirvae.reproduce import paper, tables
from dirvae.reproduce.record import add, done
from dirvae.reproduce.tables import Table, latest
from studies import choosing_tables, results_page
from studies.claims import claims_table

RUN = {"row": "gaussian", "setting": "paper", "pixels": "binarised", "plan": {"epochs": 2}}
FIGURES = {"nll": 90.0, "negative_elbo": 95.0, "kl": 20.0, "nll_unreliable_share": 0.5}


def cells(table: Table, *first: str) -> dict[str, str]:
    """The one row that starts so, by the names of the columns."""
    (row,) = [row for row in table.rows if tuple(row[: len(first)]) == first]
    assert len(row) == len(table.header)
    return dict(zip(table.header, row, strict=True))


def run(**figures: Any) -> dict[str, Any]:
    return {**RUN, **FIGURES, **figures}


def test_mean_and_deviation_over_seeds() -> None:
    runs = [run(seed=0), run(seed=1, nll=92.0), run(seed=2, nll=94.0)]
    found = cells(tables.density_table("mnist", runs), "gaussian", "paper")
    assert found["NLL"] == "92.00 ± 2.00"
    assert found["reconstruction"] == "75.00 ± 0.00"
    assert found["the paper's NLL / -ELBO / reconstruction"] == "94.54 / 98.58 / 74.31"
    assert found["k̂ > .7, %"] == "50.0 ± 0.0"
    assert found["seeds"] == "3"


def test_what_was_not_measured_is_a_dash() -> None:
    table = tables.density_table("omniglot", [run(seed=0)])
    found = cells(table, "gaussian", "paper")
    assert (found["NLL"], found["annealed / sampled"]) == ("90.00", "-")
    other = cells(table, "weibull", "paper")
    assert (other["NLL"], other["seeds"]) == ("-", "-")
    assert other["the paper's NLL / -ELBO / reconstruction"] == "140.89 / 198.01 / 145.52"
    assert [row[1] for row in table.rows] == ["paper"] * len(paper.DENSITY["omniglot"])


def test_a_run_that_diverged_counts_and_is_told() -> None:
    runs = [run(seed=0), {**RUN, "seed": 1, "failed": "the training loss is nan"}]
    found = cells(tables.density_table("mnist", runs), "gaussian", "paper")
    assert (found["NLL"], found["seeds"]) == ("90.00", "2, 1 diverged")


def test_only_runs_measured_as_the_last_are_averaged() -> None:
    few, many = {"amounts": {"samples": 1000}}, {"amounts": {"samples": 5000}}
    runs = [run(nll=3.0, **few), run(nll=2.0, **many), run(nll=1.0, **many)]
    found = cells(tables.density_table("mnist", runs), "gaussian", "paper")
    assert (found["NLL"], found["draws"], found["seeds"]) == ("1.50 ± 0.71", "5,000", "2")


def test_only_runs_of_the_last_plan_are_averaged() -> None:
    runs = [run(plan=1, nll=1.0), run(plan=2, nll=3.0), run(plan=2, nll=3.0)]
    assert [r["plan"] for r in latest(runs, row="gaussian")] == [2, 2]
    assert latest(runs, row="weibull") == []


def test_grey_pixels_have_a_row_of_their_own() -> None:
    table = tables.density_table("mnist", [run(), run(pixels="grey", nll=70.0)])
    assert cells(table, "gaussian", "paper")["NLL"] == "90.00"
    assert cells(table, "gaussian", "paper, grey")["NLL"] == "70.00"


def test_data_that_the_paper_has_no_numbers_of() -> None:
    errors = {"3": 0.5, "5": 0.5, "10": 0.5}
    found = run(pixels="components", knn_error=errors, svm_error=0.25, used_in_both=7)
    for make, column, value in (
        (tables.knn_table, "on posterior means", "50.00 / 50.00 / 50.00"),
        (tables.supervised_table, "SVM", "25.00"),
        (tables.collapse_table, "in both", "7.0"),
        (tables.density_table, "NLL", "90.00"),
    ):
        table = make("svhn-subset", [found])
        assert cells(table, "gaussian", "paper")[column] == value
        assert "7,000 train, 1,000 validate and 2,000 test" in table.note
        assert table.title.endswith("SVHN test subset")
    assert "the paper" not in tables.knn_table("svhn-subset", []).note.lower()
    assert "For raw pixels the paper has 3.00 / 3.21 / 3.44" in tables.knn_table("mnist", []).note


def test_all_training_images_have_only_rows_that_were_run() -> None:
    table = tables.density_table("mnist-60000", [run(setting="iwae-200", nll=85.5)])
    (row,) = table.rows
    assert row[:2] == ["gaussian", "iwae-200"]
    assert cells(table, "gaussian", "iwae-200")["NLL"] == "85.50"
    assert "85.54 with the importance-weighted bound of 5 draws" in table.note
    assert table.title == "Density, MNIST, 60,000 training images, K = 50"


def test_components_beside_the_priors() -> None:
    moments = {"skewness": [1.0, None, 2.0], "kurtosis": [3.0, 3.0, 3.0]}
    prior = {f"prior_{name}": [0.0] * 3 for name in moments}
    figures = {"active": 2, "active_prior": 3, "used_in_encoding": 2, "used_in_decoding": 1}
    runs = [run(used_in_both=1, components=moments | prior, **figures)]
    found = cells(tables.collapse_table("mnist", runs), "gaussian", "paper")
    assert found["active units (prior's)"] == "2.0 (3.0)"
    assert found["skewness (prior's)"] == "1.50 (0.00)"
    assert found["the paper's active units"] == "18.0"


def test_neighbours_and_classifiers() -> None:
    errors = {"3": 0.01, "5": 0.02, "10": 0.03}
    runs = [run(knn_error=errors, svm_error=0.04)]
    found = cells(tables.knn_table("mnist", runs), "gaussian", "paper")
    assert found["on posterior means"] == "1.00 / 2.00 / 3.00"
    assert found["on one draw of each posterior"] == "-"
    found = cells(tables.supervised_table("mnist", runs), "gaussian", "paper")
    assert (found["SVM"], found["linear probe"]) == ("4.00", "-")


def test_few_labels_and_the_open_row() -> None:
    about = {"row": "dirichlet", "share": 0.01, "plan": {"max_epochs": 40}}
    runs = [{**about, "test_error": error} for error in (0.05, 0.07)]
    older = {**about, "plan": {"max_epochs": 20}, "test_error": 0.5}
    runs = [older, *runs, {**older, "share": 0.05}]
    found = cells(tables.semi_supervised_table("mnist", runs), "dirichlet")
    assert found["1 %"] == "6.00 ± 1.41"
    assert (found["10 %"], found["5 %"]) == ("-", "50.00")
    assert (found["epochs"], found["seeds"]) == ("-/20/40", "0/1/2")
    assert found["the paper's, 10 / 5 / 1 %"] == "4.60 / 5.05 / 7.00"
    svhn = tables.semi_supervised_table("svhn", [])
    assert "data are not at hand" in svhn.note
    assert cells(svhn, "dirichlet")["seeds"] == "-"


def test_rows_without_smoothness_are_shown_once_they_are_run() -> None:
    none = tables.semi_supervised_table("svhn-subset", [])
    assert len(none.rows) == 3
    assert "7,000 train, 1,000 validate and 2,000 test" in none.note
    assert "moothness" not in none.note
    runs = [
        {
            "row": "dirichlet_not_smoothed",
            "share": 0.1,
            "test_error": 0.25,
            "plan": {"max_epochs": 1},
        }
    ]
    table = tables.semi_supervised_table("svhn-subset", runs)
    found = cells(table, "dirichlet not smoothed")
    assert (found["10 %"], found["the paper's, 10 / 5 / 1 %"]) == ("25.00", "-")
    assert cells(table, "dirichlet")["the paper's, 10 / 5 / 1 %"] == "24.81 / 28.45 / 55.99"
    assert "without the smoothness term" in table.note
    assert "gently" not in table.note
    gently = [
        {
            "row": "dirichlet_gently_smoothed",
            "share": 0.1,
            "test_error": 0.05,
            "plan": {"max_epochs": 1},
        }
    ]
    table = tables.semi_supervised_table("mnist-few", gently)
    assert "weight 30 in place of 200" in table.note


def test_numbers_of_labels_have_their_columns() -> None:
    runs = [
        {"row": "dirichlet", "share": 100 / 45_000, "test_error": 0.05, "plan": {"max_epochs": 1}}
    ]
    found = cells(tables.semi_supervised_table("mnist-few", runs), "dirichlet")
    assert (found["1,000"], found["600"], found["100"]) == ("-", "-", "5.00")


def test_a_claim_holds_where_the_mean_of_the_dirichlet_is_the_better_one() -> None:
    dirichlet = {"row": "inverse_cdf_dirichlet", "used_in_both": 40}
    rows = {"density-mnist": [run(**dirichlet, nll=80.0), run(**dirichlet, nll=99.0)]}
    rows["density-mnist"].append(run(used_in_both=50))  # of the Gaussian, with an NLL of 90
    topics = {"gsm_own": [0.2, 0.25], "gsm_inverse_cdf_dirichlet": [0.3]}
    rows["topics-20news-v1995"] = [
        {"row": row, "npmi": npmi} for row, values in topics.items() for npmi in values
    ]
    found = {row[0]: row[1:] for row in claims_table(rows).rows}
    likelihood, learned, used, gsm = (
        next(cells for text, cells in found.items() if part in text)
        for part in ("the Gaussian VAE (MNIST, NLL", "learned prior", "in use", "of GSM")
    )
    assert likelihood == ["87.64 / 94.54", "89.50 ± 13.44 / 90.00", "yes"]
    assert learned == ["84.76 / 87.64", "-", "-"]
    assert used == ["45 / 18", "40 ± 0 / 50", "no"]
    assert gsm == ["0.201 / 0.199", "0.300 / 0.225 ± 0.035", "yes"]
    few = [
        {"row": row, "share": 0.01, "test_error": error, "plan": {"max_epochs": epochs}}
        for row, error, epochs in (("dirichlet", 0.02, 40), ("gaussian", 0.03, 20))
    ]
    for epochs, verdict in ((20, "not to be told: 40 and 20 epochs"), (40, "yes")):
        few[1]["plan"]["max_epochs"] = epochs
        (classes,) = [
            row for row in claims_table({"semi-supervised-mnist": few}).rows if "labels" in row[0]
        ]
        assert classes[1:] == ["7.00 / 11.55", "2.00 / 3.00", verdict]


def test_a_table_without_a_place_on_its_page_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- table: one -->\nold\n<!-- end -->\nb\n", encoding="utf-8")
    choosing_tables.fill(page, {"one": lambda: "new\n"})
    assert page.read_text(encoding="utf-8") == "a\n<!-- table: one -->\nnew\n<!-- end -->\nb\n"
    with pytest.raises(ValueError, match=r"page\.md has no place for the table two"):
        choosing_tables.fill(page, {"one": lambda: "newer\n", "two": lambda: "lost\n"})
    assert "newer" not in page.read_text(encoding="utf-8")


def test_the_page_is_the_one_that_the_files_make() -> None:
    text = results_page.PAGE.read_text(encoding="utf-8")
    assert text == results_page.page(picture=results_page.PICTURE.is_file())


def test_a_record_takes_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        add(tmp_path / "runs.jsonl", {"nll": float("nan")})
    assert done(tmp_path / "runs.jsonl") == []


def test_a_run_that_was_cut_off_while_it_was_written_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    add(path, {"nll": 1.0})
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-20])  # the disk was full, or the process killed
    assert [run["nll"] for run in done(path)] == [1.0]
    add(path, {"nll": 2.0})
    assert [run["nll"] for run in done(path)] == [1.0, 2.0]
    assert path.read_bytes().startswith(whole)


def test_the_tables_to_choose_by_are_those_that_the_files_make() -> None:
    text = choosing_tables.PAGE.read_text(encoding="utf-8")
    assert len(choosing_tables.PLACE.findall(text)) == len(choosing_tables.TABLES)
    assert text == choosing_tables.filled(text)
