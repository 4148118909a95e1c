"""Reservoirs, and online forecasters with a linear readout over their states."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from ._base.reservoir import Reservoir as Reservoir
    from ._forecasting.kernel_functions import KERNELS as KERNELS
    from ._forecasting.kernel_functions import recurrent_kernel as recurrent_kernel
    from ._forecasting.prediction_intervals import IntervalForecast as IntervalForecast
    from ._tuning.backtest import backtest_error as backtest_error
    from ._tuning.backtest import fewest_rows as fewest_rows
    from ._tuning.search import BUDGET as BUDGET
    from ._tuning.search import TuningResult as TuningResult
    from ._tuning.search import tune as tune
    from .change_aware_forecaster import ChangeAwareForecaster as ChangeAwareForecaster
    from .deep_reservoir import DeepReservoir as DeepReservoir
    from .echo_state_network import EchoStateNetwork as EchoStateNetwork
    from .nvar import NVAR as NVAR
    from .optical_reservoir import OpticalReservoir as OpticalReservoir
    from .recurrent_kernel_forecaster import RecurrentKernelForecaster as RecurrentKernelForecaster
    from .reservoir_forecaster import ReservoirForecaster as ReservoirForecaster
    from .robust_forecaster import RobustForecaster as RobustForecaster

__getattr__, __dir__, __all__ = lazy_exports(__name__)
