"""What is known of samples: matched by id, typed by what the cells are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from dirvae.data.metadata import read_metadata
from dirvae.data.typed_cells import require_times, typed
from dirvae.topics.columns import columns_of

TEXT = "id,age,diet,since\nb,31,home,2020-01-31\na,NA,swap,2020-02-01\nc,7.5,NA,\n"


def table(tmp_path, text=TEXT, name="meta.csv"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_rows_are_those_of_the_samples_in_their_order(tmp_path):
    frame, notes = read_metadata(table(tmp_path), ["a", "b"])
    assert frame["diet"].tolist() == ["swap", "home"]
    np.testing.assert_array_equal(frame["age"], [np.nan, 31.0])
    assert frame["since"].tolist() == [pd.Timestamp("2020-02-01"), pd.Timestamp("2020-01-31")]
    assert list(frame.columns) == ["age", "diet", "since"]
    assert notes == ("1 of its rows are left out: the counts have no such samples",)


def test_columns_are_chosen_and_missing_words_are_missing(tmp_path):
    frame, _ = read_metadata(table(tmp_path), ["c", "a", "b"], columns=["diet"])
    assert list(frame.columns) == ["diet"]
    assert frame["diet"].isna().tolist() == [True, False, False]


def test_whole_numbers_stay_whole_beside_a_missing_one(tmp_path):
    large = 2**53 + 1  # which is no float64
    found = {"id": [3, None, large], "visits": [None, 7, large]}
    parquet.write_table(pyarrow.table(found), tmp_path / "meta.parquet")
    frame, _ = read_metadata(tmp_path / "meta.parquet", [large, 3])
    assert frame["visits"][0] == large
    assert frame["visits"].isna().tolist() == [False, True]


def test_nan_of_a_parquet_table_is_missing_as_null_is(tmp_path):
    found = {"id": ["a", "b", "c"], "age": [1.5, None, float("nan")]}
    parquet.write_table(pyarrow.table(found), tmp_path / "meta.parquet")
    age = read_metadata(tmp_path / "meta.parquet", ["a", "b", "c"])[0]["age"]
    assert age.isna().tolist() == [False, True, True]
    assert age.dtype == np.dtype(float)  # of Float64 pandas 2 tells NaN from what is missing


def test_ids_are_compared_as_written(tmp_path):
    path = table(tmp_path, "age,key\n1,007\n2,7\n")
    frame, _ = read_metadata(path, [7], id_column="key")
    assert frame["age"].tolist() == [2.0]
    path = table(tmp_path, "key,age\n007,1\n7,2\n")
    assert read_metadata(path, ["007"])[0]["age"].tolist() == [1.0]


@pytest.mark.parametrize("missing", [None, float("nan"), ""])
def test_a_sample_without_an_id_is_matched_to_none(missing, tmp_path):
    """One that is missing in the table, too, is not the same sample."""
    path = table(tmp_path, "id,age\na,31\n,7\nnan,8\nNone,9\n")
    with pytest.raises(ValueError, match=r"meta.csv is matched by .* sample in row 2 has none: "):
        read_metadata(path, ["a", missing])
    assert read_metadata(path, ["a", "nan"])[0]["age"].tolist() == [31.0, 8.0]


@pytest.mark.parametrize(
    ("text", "ages"),
    [
        ("cell,sample,age\na,d1,1\nb,d2,2\n", [1, 2]),  # of donors
        ("cell,sample,age\nx,b,1\ny,a,2\n", [2, 1]),
        ("cell,sample,age\na,b,1\nb,a,2\n", [2, 1]),  # both could be meant: the one of that name
    ],
)
def test_a_column_of_that_name_that_lacks_ids_is_another(text, ages, tmp_path):
    frame, _ = read_metadata(table(tmp_path, text), ["a", "b"], id_column="sample")
    assert frame["age"].tolist() == ages


def test_a_parquet_table_keeps_its_types(tmp_path):
    diet = pd.Categorical(["swap", "home"], categories=["swap", "home"])
    frame = pd.DataFrame({"key": ["a", "b"], "diet": diet, "age": [1, 2]})
    frame.to_parquet(tmp_path / "meta.parquet")
    found, _ = read_metadata(tmp_path / "meta.parquet", ["b", "a"])
    assert found["diet"].cat.categories.tolist() == ["swap", "home"]
    assert found["age"].tolist() == [2, 1]
    frame.set_index("key").to_parquet(tmp_path / "meta.parquet")
    assert read_metadata(tmp_path / "meta.parquet", ["b"])[0]["age"].tolist() == [2]


def test_what_pandas_cannot_make_of_a_parquet_file_is_one_sentence(tmp_path):
    """Its own words about types are in the file, where a byte may be another."""
    path = tmp_path / "meta.parquet"
    table = pyarrow.Table.from_pandas(pd.DataFrame({"key": ["a"], "age": [1]}))
    words = table.schema.metadata[b"pandas"].replace(b"unicode", b"uTicode")
    parquet.write_table(table.replace_schema_metadata({b"pandas": words}), path)
    with pytest.raises(ValueError, match=r"meta.parquet cannot be read: .*uTicode"):
        read_metadata(path, ["a"])


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (
            TEXT,
            {"ids": ["a", "z"]},
            "no row for 1 of the 2 samples, such as 'z'; its column of",
        ),
        (TEXT + "a,1,home,\n", {"ids": ["a"]}, "has 'a' 2 times in its column of ids, 'id'"),
        (TEXT, {"ids": ["a"], "columns": ["dose"]}, "has no column 'dose'; its columns are age, "),
        ("id,age\n", {"ids": ["a"]}, "has no rows|nothing follows"),
        ("id,age,age\na,1,2\n", {"ids": ["a"]}, "has two columns named 'age'"),
    ],
)
def test_what_does_not_fit_is_one_sentence(text, options, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        read_metadata(table(tmp_path, text), **options)


def test_other_files_are_no_tables(tmp_path):
    np.save(tmp_path / "x.npy", np.eye(2))
    with pytest.raises(ValueError, match=r"is not a table .* .csv, .tsv, .parquet or .h5ad"):
        read_metadata(tmp_path / "x.npy", ["a"])
    with pytest.raises(FileNotFoundError, match=r"absent.csv does not exist"):
        read_metadata(tmp_path / "absent.csv", ["a"])


def test_samples_that_are_not_there_are_counted_and_what_may_be_wrong_is_said(tmp_path):
    path = table(tmp_path)
    end = "such as 'y'; its column of ids is 'id', whose first id is 'b'"
    for ids, said in (
        (["y", "a", "z", "y"], f"has no row for 2 of the 4 samples, {end}$"),
        (["y", "z"], f"has no row for 2 of the 2 samples, {end}; if the counts have a row for"),
        (["y", "y"], f"has no row for 1 of the 2 samples, {end}; if the counts have a row for"),
    ):
        with pytest.raises(ValueError, match=said):
            read_metadata(path, ids)
    assert read_metadata(path, ["a", "b", "c", "a"])[1] == ()
    assert read_metadata(path, ["c"])[1][0].startswith("2 of its rows are left out")


def test_a_column_is_of_numbers_or_dates_if_all_that_is_known_is(tmp_path):
    cells = {
        "numbers": ["1", "NA", "-2.5e3"],
        "commas": ["1,5", "2", "3"],
        "dates": ["2020-01-31", "", "2021-12-01"],
        "dated": ["2020-01-31", "x", "2021-12-01"],
        "mixed": ["1", "2020-01-31", "3"],
        "nothing": ["", "NA", "null"],
        "codes": ["1", "2", "NA"],
    }
    path = tmp_path / "meta.csv"
    pd.DataFrame({"id": list("abc"), **cells}).to_csv(path, index=False)
    frame, _ = read_metadata(path, list("abc"), kinds={"codes": "words", "numbers": "numbers"})
    np.testing.assert_array_equal(frame["numbers"], [1, np.nan, -2500])
    assert frame["dates"].dtype.kind == "M"
    assert frame["dates"].isna().tolist() == [False, True, False]
    assert frame["commas"].tolist() == [1.5, 2.0, 3.0]
    for name in ("dated", "mixed"):
        assert frame[name].tolist() == cells[name]
    assert frame["nothing"].isna().all()
    assert frame["nothing"].dtype.kind == "O"
    assert frame["codes"].tolist()[:2] == ["1", "2"]
    assert frame["codes"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("cells", "at"),
    [
        (["2020-01-31 04:05", "2020-02-01"], ["2020-01-31T04:05", "2020-02-01T00:00"]),
        (["2020-01-31T04:05:06", "20200201"], ["2020-01-31T04:05:06", "2020-02-01"]),
        (["2020-01-31T04:05+02:00", "2020-01-31T04:05Z"], ["2020-01-31T02:05", "2020-01-31T04:05"]),
    ],
)
def test_dates_with_a_time_are_dates_as_they_are_for_documents(cells, at, tmp_path):
    path = table(tmp_path, f"id,at\na,{cells[0]}\nb,{cells[1]}\nc,\n")
    found = read_metadata(path, ["c", "b", "a"])[0]["at"]
    assert found.isna().tolist() == [True, False, False]
    assert found.dt.tz is None
    expected = np.array(at, dtype="datetime64[s]")
    np.testing.assert_array_equal(found[1:].to_numpy("datetime64[s]"), expected[::-1])
    [days] = columns_of({"at": typed("at", cells, "x.csv")})
    [same] = columns_of({"at": found[1:]})
    np.testing.assert_allclose(same.values, days.values[::-1], rtol=1e-12)


@pytest.mark.parametrize("cells", [["20200131_1", "20200131_2"], ["20200131-01", "20200131-02"]])
def test_codes_that_begin_with_a_date_are_words(cells, tmp_path):
    path = table(tmp_path, f"id,batch\na,{cells[0]}\nb,{cells[1]}\n")
    assert read_metadata(path, ["a", "b"])[0]["batch"].tolist() == cells
    assert typed("batch", cells, "x.csv") == cells
    with pytest.raises(ValueError, match=f"--at has '{cells[0]}' in row 1 of x.csv, must have"):
        require_times("--at", cells, "x.csv")


def test_a_typo_among_numbers_or_dates_is_said(tmp_path):
    """One cell makes a column one of words; a column that has only some numbers is one anyway."""
    cells = {
        "age": ["31", "4o", "NA", "27"],
        "dose": ["1,5", "2", "0.5", "3"],
        "since": ["2020-01-31", "2020-02-30", "2021-12-01", ""],
        "site": ["sea", "7", "air", "lake"],
        "code": ["1", "2", "3a", "4"],
        "right": ["1,5", "2", "3", "7"],
    }
    path = tmp_path / "meta.csv"
    pd.DataFrame({"id": list("abcd"), **cells}).to_csv(path, index=False)
    frame, notes = read_metadata(path, list("abcd"), kinds={"code": "words"})
    assert notes == (
        "age is read as words, not as numbers, because of '4o'",
        "dose is read as words, not as numbers, because of '1,5'",
        "since is read as words, not as dates, because of '2020-02-30'",
        "decimal commas read as points in right",
    )
    assert frame["since"].tolist()[:3] == cells["since"][:3]


def test_decimal_commas_are_read_as_those_of_counts_are(tmp_path):
    """As Excel writes them in much of Europe; words stay words, also those with a comma."""
    path = table(tmp_path, "id;age;dose;site\na;31,5;1,250;1,5\nb;NA;0,5;sea\nc;-7;2;1,5\n")
    frame, notes = read_metadata(path, ["c", "b", "a"])
    np.testing.assert_array_equal(frame["age"], [-7.0, np.nan, 31.5])
    assert frame["dose"].tolist() == [2.0, 0.5, 1.25]
    assert frame["site"].tolist() == ["1,5", "sea", "1,5"]
    assert notes[-1] == "decimal commas read as points in age, dose"
    kept, notes = read_metadata(path, ["a"], columns=["age"], kinds={"age": "words"})
    assert kept["age"].tolist() == ["31,5"]
    assert "decimal" not in " ".join(notes)
    alone, _ = read_metadata(path, ["a"])  # what the comma means, the other rows tell
    assert alone["dose"].tolist() == [1.25]
    path = table(tmp_path, "id;dose\na;1,250\nb;7\n")
    with pytest.raises(ValueError, match="column 'dose' has '1,250', which may mean two numbers"):
        read_metadata(path, ["a"])


def test_an_index_that_only_numbers_rows_is_no_column(tmp_path):
    path, frame = tmp_path / "meta.parquet", pd.DataFrame({"key": ["a", "b"], "age": [1, 2]})
    frame.to_parquet(path)
    assert list(read_metadata(path, ["a"])[0]) == ["age"]
    frame.set_index("key").to_parquet(path)
    assert list(read_metadata(path, ["a"], columns=["age"])[0]) == ["age"]
    with pytest.raises(ValueError, match=r"has no column 'key'; its columns are age$"):
        read_metadata(path, ["a"], columns=["key"])
