"""From a trajectory to its changes in Python: a source, three operators, an engine."""

from importlib.resources import files

from streamlyt import LocalEngine, Pipeline
from streamlyt.connectors import TrajectorySource
from streamlyt.detectors import MultiscaleNEWMA
from streamlyt.molecular import Dihedrals, Unwrap

data = files("streamlyt.molecular._data")
source = TrajectorySource(data / "ala2_flips.pdb", data / "ala2_flips.xtc")
layout = source.layout()

pipeline = Pipeline(
    [
        Unwrap(layout.parents),  # the file has a periodic box
        Dihedrals(layout.dihedrals, layout.dihedral_labels),
        MultiscaleNEWMA(null="learned", scale=2.0),
    ]
)
summary = LocalEngine(source, pipeline).run()

for event in summary.events:
    print(f"frame {event.change_index}: {', '.join(event.channels)}")
