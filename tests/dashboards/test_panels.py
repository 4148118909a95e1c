"""Arrays and data tables of panels, without a browser."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core import Channel, Event, Schema
from streamlyt.dashboards import (
    Attribution,
    ChangePoints,
    Changes,
    Models,
    Observable,
    Throughput,
)
from streamlyt.dashboards._data.deviations import channel_groups, deviations, group_rms, ranking
from streamlyt.dashboards._data.downsampling import DownsampledBuckets, merge_buckets
from streamlyt.dashboards._data.example_runs import example_learning
from streamlyt.dashboards._plotting.time_axis import TimeAxis
from streamlyt.dashboards._server.process_run import ProcessRun
from tests._arrays import assert_all
from tests.dashboards import runs


@pytest.fixture(scope="module")
def molecule(tmp_path_factory):
    made = runs.dipeptide(12_000, (4_000, 8_000))
    with made.record(tmp_path_factory.mktemp("runs") / "a.streamlyt") as run:
        yield made, run


@pytest.fixture(scope="module")
def protein(tmp_path_factory):
    with runs.protein(4_096, 80, (1_400, 2_900)).record(
        tmp_path_factory.mktemp("runs") / "p.streamlyt"
    ) as run:
        yield run


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    with runs.short().record(tmp_path_factory.mktemp("runs") / "s.streamlyt") as run:
        yield run


def test_downsampling_keeps_every_peak_of_the_statistic(molecule):
    made, run = molecule
    schema, _, values = made.series["ala2_300K"]
    statistic = values[:, schema.channel_names.index("statistic")]
    seen = ChangePoints(run, "ala2_300K", points=100).data()
    assert len(seen["x"]) <= 100
    assert seen["highest"].max() == statistic.max()
    assert seen["lowest"].min() == statistic.min()
    for i, first in enumerate(seen["row"]):
        stop = seen["row"][i + 1] if i + 1 < len(seen["row"]) else len(statistic)
        assert seen["highest"][i] == statistic[first:stop].max()
        assert seen["lowest"][i] == statistic[first:stop].min()


def test_an_infinite_threshold_is_not_drawn_and_marks_the_warm_up(molecule):
    _, run = molecule
    panel = ChangePoints(run, "ala2_300K", points=12_000)
    seen = panel.data()
    assert_all(np.isnan, seen["threshold"][:1000])
    assert_all(np.isfinite, seen["threshold"][1000:])
    left, right = panel.warmup_spans(seen)
    assert (left.tolist(), right.tolist()) == ([0.0], [1.0])  # ns


def test_changes_are_at_their_estimate_and_alarms_at_their_row(molecule):
    _, run = molecule
    seen = ChangePoints(run, "ala2_300K").data()
    assert seen["change"].tolist() == [4.0, 8.0]
    assert seen["alarm"].tolist() == [4.031, 8.044]
    assert seen["height"].tolist() == [7.3, 7.3]


def test_an_offline_event_has_no_alarm(short):
    panel = ChangePoints(short, "dims")
    seen = panel.data()
    assert_all(np.isnan, seen["alarm"])
    assert_all(np.isnan, seen["height"])
    assert seen["change"].tolist() == [38.0]
    assert not panel.has_content()
    assert "offline" in Changes(short, "dims").html()


def test_the_channels_of_the_events_come_first(molecule):
    made, run = molecule
    panel = Observable(run, "ala2_300K", points=50)
    assert panel.chosen[:2] == ("sin phi ALA 2", "cos phi ALA 2")
    seen = panel.data()
    values = made.series["ala2_300K"][2][:, 1]
    assert seen["highest_0"].max() == values.max()
    assert seen["lowest_0"].min() == values.min()
    assert np.isclose(seen["mean_0"][1], values[seen["row"][1] : seen["row"][2]].mean())


def test_the_data_table_of_channels_has_the_means_before_and_after_a_change(molecule):
    _, run = molecule
    table = Observable(run, "ala2_300K", ["sin phi ALA 2"]).table()
    assert [row[0] for row in table.rows] == ["0 – 3,999", "4,000 – 7,999", "8,000 – 11,999"]
    means = [float(row[1].split()[0]) for row in table.rows]
    assert means[0] < -0.8
    assert means[1] > 0.7
    assert means[2] < -0.8


def test_the_heat_map_highlights_the_changed_residues_at_the_change(protein):
    seen = Attribution(protein, "adk").data()
    assert len(seen["groups"]) == 60
    assert seen["grid"].shape == (60, len(seen["x"]))
    assert len(seen["x"]) <= 300
    number = np.array([int(name.split()[1]) for name in seen["groups"]])
    np.testing.assert_array_less(0, np.diff(number))  # the order of the source
    loop = (number > 44) & (number < 56)
    peak_at = seen["x"][np.argmax(np.nan_to_num(seen["grid"][loop]).mean(axis=0))]
    step = seen["x"][1] - seen["x"][0]
    assert abs(peak_at - 1_400 * 0.24) <= 3 * step  # ns
    assert np.nanmedian(seen["grid"]) < 2.0


def test_the_contributions_to_an_event_are_summed_over_groups(molecule):
    _, run = molecule
    seen = Attribution(run, "ala2_300K").data()
    assert seen["groups"].tolist() == ["phi ALA 2", "psi ALA 2"]
    assert np.allclose(seen["shares"], [[0.93, 0.07], [0.93, 0.07]])


def test_a_gap_in_the_data_is_a_gap_in_the_heat_map(tmp_path):
    made = runs.sensors(2_000, 4)
    with made.record(tmp_path / "s.streamlyt") as run:
        grid = Attribution(run, "pump-03").data()["grid"]
    assert 0.2 < np.isnan(grid[:, 1:]).mean() < 0.6  # one of two and a half days is missing
    assert_all(np.isfinite, grid[:, 1:30])


def test_columns_of_changes_are_the_fields_of_the_events(molecule):
    made, run = molecule
    seen = Changes(run, "ala2_300K").data()
    assert seen["change_index"].tolist() == [e.change_index for e in made.events]
    assert seen["delay"].tolist() == [31, 44]
    assert seen["statistic"].tolist() == [7.3, 7.3]


def test_a_long_table_is_cut_and_shows_how_many_more_there_are(molecule):
    _, run = molecule
    assert "1 more in the run file" in Changes(run, "ala2_300K", points=1).html()


@pytest.mark.parametrize(
    ("unit", "last", "n", "text", "label"),
    [
        ("fs", 97_000, 98, "97 ps", "time (ps)"),
        ("fs", 100_000_000, 100_001, "100.000 ns", "time (ns)"),
        ("fs", 0, 5, "frame 1,204", "frame"),
        ("step", 97, 98, "frame 1,204", "frame"),
        ("ns", 3_600_000_000_000, 61, "1970-01-01 01:00:00", "time (UTC)"),
        ("ns", 30_000_000, 31, "1970-01-01 00:00:00.030", "time (UTC)"),
    ],
)
def test_times_use_a_readable_unit(unit, last, n, text, label):
    axis = TimeAxis.of(Schema.of("x", time_unit=unit, row_label="frame"), 0, last, n)
    assert axis.text(last, 1_204) == text
    assert axis.label == label


def test_steps_are_placed_by_the_number_of_the_row_in_the_source():
    axis = TimeAxis.of(Schema.of("x", first_row=500, row_step=10), 0, 40, 5)
    assert axis.place([0, 10], [500, 510]).tolist() == [500.0, 510.0]


def naive_deviations(means):
    """Return the deviations, one number at a time."""
    p, c = means.shape
    reach = max(8, p // 30)
    apart = np.full((p, c), np.nan)
    for t in range(p):
        for j in range(c):
            before = [v for v in means[max(0, t - reach) : t, j] if np.isfinite(v)]
            if before:
                apart[t, j] = abs(means[t, j] - sum(before) / len(before))
    for j in range(c):
        known = apart[np.isfinite(apart[:, j]), j]
        scale = 1.4826 * np.median(known) if len(known) else 0.0
        spread = np.sqrt(np.mean(known**2)) if len(known) else 0.0
        scale = scale if scale > 1e-9 * spread else spread
        apart[:, j] = np.minimum(apart[:, j] / scale, 100.0) if scale > 0 else apart[:, j] * 0.0
    return apart


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    st.integers(1, 70), st.integers(1, 4), st.integers(0, 10**6), st.sampled_from([0.0, 0.1, 0.5])
)
def test_deviations_equal_the_naive_implementation(p, c, seed, missing):
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(p, c)) + 1e3
    means[rng.random((p, c)) < missing] = np.nan
    np.testing.assert_allclose(deviations(means), naive_deviations(means), rtol=1e-6, atol=1e-9)


def test_a_constant_channel_has_no_deviation_and_a_jump_has():
    means = np.zeros((90, 2))
    means[50:, 1] = 4.0
    moved = deviations(means)
    np.testing.assert_array_equal(moved[1:, 0], 0)
    assert int(np.nanargmax(moved[:, 1])) == 50


def test_groups_are_root_mean_squares_over_their_channels():
    schema = Schema((Channel("a", group="g"), Channel("b"), Channel("c", group="g")))
    groups, numbers = channel_groups(schema, schema.channel_names)
    assert groups == ["g", "b"]
    far = np.array([[3.0, 7.0, 4.0], [np.nan, 1.0, 2.0]])
    expected = [[np.sqrt(12.5), 7.0], [2.0, 1.0]]
    np.testing.assert_allclose(group_rms(far, numbers, 2), expected)


def test_an_event_that_names_a_group_selects_its_channel_of_largest_deviation():
    schema = Schema((Channel("a", group="g"), Channel("b"), Channel("c", group="g")))
    far = np.array([[3.0, 7.0, 4.0]])
    found = Event("k", "newma", 1, 1, 1, 1, 2.0, 1.0, ("g",), (0.5,))
    assert ranking(far, schema, schema.channel_names, [found]) == ("c", "b", "a")


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(1, 300), st.integers(1, 60), st.integers(0, 10**6))
def test_merged_buckets_keep_the_extremes_and_respect_the_limit(n, points, seed):
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=(n, 2))
    mean[rng.random((n, 2)) < 0.2] = np.nan
    seen = merge_buckets(
        DownsampledBuckets(np.arange(n), np.arange(n), mean - 1, mean + 1, mean), points
    )
    assert len(seen.rows) == min(n, points)
    assert seen.rows[0] == 0
    if np.isfinite(mean).any():
        assert np.nanmax(seen.maximum) == np.nanmax(mean) + 1
        assert np.nanmin(seen.minimum) == np.nanmin(mean) - 1


def test_panels_have_parameters_and_can_be_cloned(molecule):
    _, run = molecule
    panel = Observable(run, "ala2_300K", ["sin phi ALA 2"], 50)
    again = panel.clone()
    assert again.get_params() == panel.get_params()
    assert repr(panel).startswith("Observable(run=")


def test_data_and_tables_need_no_bokeh():
    code = (
        "import sys; sys.modules['bokeh'] = None\n"
        "from streamlyt.dashboards import ChangePoints, Changes, Attribution, Observable\n"
        "from streamlyt.dashboards._data.example_runs import example_run\n"
        "from streamlyt.core.errors import MissingDependencyError\n"
        "for panel in (ChangePoints, Changes, Attribution, Observable):\n"
        "    made = panel(example_run(), 'a'); made.data(); made.table()\n"
        "    try: made.figure()\n"
        "    except MissingDependencyError as error: assert 'streamlyt[dashboard]' in str(error)\n"
        "    else: raise SystemExit('no error')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_panel_draws(molecule):
    _, run = molecule
    for panel in (ChangePoints, Changes, Attribution, Observable):
        assert panel(run, "ala2_300K").figure() is not None


def test_channels_of_the_panel_are_the_named_ones(molecule):
    _, run = molecule
    names = run.schema("ala2_300K").channel_names[:3]
    found = Observable(run, "ala2_300K", channels=[names[2], names[0]], points=40)
    assert list(found.figure_names()) == [names[2], names[0]]
    one = Observable(run, "ala2_300K", channels=[names[0]], points=40).data()
    np.testing.assert_array_equal(found.data()["mean_1"], one["mean_0"])
    assert "mean_2" not in found.data()


def test_points_bound_the_buckets_of_processes_and_of_models():
    counted = iter(range(0, 40_000, 100))
    seconds = iter(range(0, 400 * 10**9, 10**9))
    process = ProcessRun(lambda: {"rows": next(counted)}, lambda: next(seconds))
    for _ in range(60):
        process.sample()
    for points in (10, 1000):
        assert len(Throughput(process, "process", points=points).data()["x"]) == min(points, 60)
    learned = example_learning()
    full = len(Models(learned, "a").data()["x"])
    assert full > 5
    assert len(Models(learned, "a", points=5).data()["x"]) <= 5
