"""Detect the changes in a trajectory with a source, three operators and an engine."""

from importlib.resources import files

from streamlyt import LocalEngine, Pipeline
from streamlyt.connectors import TrajectorySource
from streamlyt.detectors import MultiscaleNEWMA
from streamlyt.molecular import Dihedrals, Unwrap

data = files("streamlyt.molecular._data")
source = TrajectorySource(data / "ala2_flips.pdb", data / "ala2_flips.xtc")
selection = source.atom_selection()

pipeline = Pipeline(
    [
        Unwrap(selection.bond_tree),  # the file has a periodic box
        Dihedrals(selection.dihedrals, selection.dihedral_labels),
        MultiscaleNEWMA(null_model="empirical", scale=2.0),
    ]
)
summary = LocalEngine(source, pipeline).run()

for event in summary.events:
    print(f"frame {event.change_index}: {', '.join(event.channels)}")
