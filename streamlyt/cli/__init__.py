"""The command line: one file a verb, data on stdout, talk on stderr.

Exit status: 0 done, 1 error, 2 usage, 3 changes found (with ``--fail-on-change``), 130 stopped by
Ctrl-C. A verb's heavy imports are in the file it calls, so that ``--help`` costs next to nothing.
"""

import typer

from streamlyt.cli._guard import guarded
from streamlyt.cli._verbs import Verbs
from streamlyt.cli.broker import start_broker, status_of_broker, stop_broker
from streamlyt.cli.cluster import run_cluster, work_in_cluster
from streamlyt.cli.config import init_config, schema_of_config, show_config, validate_config
from streamlyt.cli.dash import dash, make_token, replay
from streamlyt.cli.deadletter import list_letters, redrive_letters
from streamlyt.cli.demo import demo
from streamlyt.cli.detect import detect
from streamlyt.cli.evaluate import evaluate_detectors
from streamlyt.cli.features import plan_features
from streamlyt.cli.fit import fit
from streamlyt.cli.forecast import forecast, tune_forecast
from streamlyt.cli.list import list_components
from streamlyt.cli.md import md
from streamlyt.cli.report import report
from streamlyt.cli.run import run_pipeline
from streamlyt.cli.serve import serve_pipeline

__all__ = ["main"]


app = typer.Typer(
    name="streamlyt",
    cls=Verbs,
    help="Find changes in streams and recorded trajectories by optical random features.",
    epilog="Exit status: 0 done, 1 error, 2 usage, 3 changes found with --fail-on-change, "
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
app.command("dash")(guarded(dash))
app.command("replay")(guarded(replay))
app.command("token")(guarded(make_token))
app.command("list")(guarded(list_components))

features = typer.Typer(help="Plan random features.", no_args_is_help=True)
features.command("plan")(guarded(plan_features))
# A verb beside it keeps the sub-command's name on the command line.
features.callback()(lambda: None)
app.add_typer(features, name="features")

config = typer.Typer(help="Make, show and check pipeline files.", no_args_is_help=True)
config.command("init")(guarded(init_config))
config.command("show")(guarded(show_config))
config.command("validate")(guarded(validate_config))
config.command("schema")(guarded(schema_of_config))
app.add_typer(config, name="config")

cluster = typer.Typer(help="The same pipeline on several processes.", no_args_is_help=True)
cluster.command("run")(guarded(run_cluster))
cluster.command("work")(guarded(work_in_cluster))
app.add_typer(cluster, name="cluster")

broker = typer.Typer(help="A Kafka broker on this machine, for trying out.", no_args_is_help=True)
broker.command("start")(guarded(start_broker))
broker.command("stop")(guarded(stop_broker))
broker.command("status")(guarded(status_of_broker))
app.add_typer(broker, name="broker")

deadletter = typer.Typer(help="Messages that could not be decoded.", no_args_is_help=True)
deadletter.command("list")(guarded(list_letters))
deadletter.command("redrive")(guarded(redrive_letters))
app.add_typer(deadletter, name="deadletter")

evaluate = typer.Typer(help="Measure how good something is.", no_args_is_help=True)
evaluate.command("detectors")(guarded(evaluate_detectors))
evaluate.callback()(lambda: None)
app.add_typer(evaluate, name="evaluate")


def main() -> None:
    """Run the verb named on the command line and leave with its exit status."""
    app()
