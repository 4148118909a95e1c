"""The command line: data goes to stdout, status lines go to stderr.

Exit status: 0 success, 1 error, 2 usage, 3 changes found (with ``--fail-on-change``), 130 stopped
by Ctrl-C. Commands import heavy modules inside their functions, so that ``--help`` starts fast.
"""

import typer

from .command_groups import CommandGroup
from .commands.broker import start_broker, status_of_broker, stop_broker
from .commands.cluster import run_cluster, run_cluster_worker
from .commands.config import init_config, schema_of_config, show_config, validate_config
from .commands.dashboard import create_token_file, dashboard, replay, report
from .commands.dead_letters import list_dead_letters, redrive_run
from .commands.demo import demo
from .commands.detect import detect
from .commands.evaluate import evaluate_detectors
from .commands.features import print_feature_plan
from .commands.fit import fit
from .commands.forecast import forecast, tune_forecast
from .commands.list import list_components
from .commands.md import md
from .commands.run import run_pipeline
from .commands.serve import serve_pipeline
from .error_handling import guarded

__all__ = ["main"]


app = typer.Typer(
    name="streamlyt",
    cls=CommandGroup,
    help="Detect changes in streams and recorded trajectories with optical random features.",
    epilog="Exit status: 0 success, 1 error, 2 usage, 3 changes found with --fail-on-change, "
    "130 stopped by Ctrl-C.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("demo")(guarded(demo))
app.command("md")(guarded(md))
app.command("detect")(guarded(detect))
app.command("forecast")(guarded(forecast))
app.command("forecast tune")(guarded(tune_forecast))
app.command("fit")(guarded(fit))
app.command("run")(guarded(run_pipeline))
app.command("serve")(guarded(serve_pipeline))
app.command("report")(guarded(report))
app.command("dashboard")(guarded(dashboard))
app.command("replay")(guarded(replay))
app.command("list")(guarded(list_components))

features = typer.Typer(help="Plan random features.", no_args_is_help=True)
features.command("plan")(guarded(print_feature_plan))
# With a callback typer keeps the name of an only sub-command on the command line.
features.callback()(lambda: None)
app.add_typer(features, name="features")

config = typer.Typer(help="Create, show and validate pipeline files.", no_args_is_help=True)
config.command("init")(guarded(init_config))
config.command("show")(guarded(show_config))
config.command("validate")(guarded(validate_config))
config.command("schema")(guarded(schema_of_config))
app.add_typer(config, name="config")

cluster = typer.Typer(help="Run a pipeline on several processes.", no_args_is_help=True)
cluster.command("run")(guarded(run_cluster))
cluster.command("worker")(guarded(run_cluster_worker))
app.add_typer(cluster, name="cluster")

broker = typer.Typer(help="Run a local Kafka broker for tests.", no_args_is_help=True)
broker.command("start")(guarded(start_broker))
broker.command("stop")(guarded(stop_broker))
broker.command("status")(guarded(status_of_broker))
app.add_typer(broker, name="broker")

dead_letters = typer.Typer(
    help="List and redrive messages that could not be decoded.", no_args_is_help=True
)
dead_letters.command("list")(guarded(list_dead_letters))
dead_letters.command("redrive")(guarded(redrive_run))
app.add_typer(dead_letters, name="dead-letters")

token = typer.Typer(help="Manage access tokens of the dashboard.", no_args_is_help=True)
token.command("create")(guarded(create_token_file))
token.callback()(lambda: None)
app.add_typer(token, name="token")

evaluate = typer.Typer(help="Benchmark detectors on data with known changes.", no_args_is_help=True)
evaluate.command("detectors")(guarded(evaluate_detectors))
evaluate.callback()(lambda: None)
app.add_typer(evaluate, name="evaluate")


def main() -> None:
    """Run the command named on the command line and exit with its status."""
    app()
