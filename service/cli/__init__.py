"""The command `faqbot`: one file a command, which reads its arguments, calls a room, and prints.

Nothing heavy is imported before a command runs, so that `faqbot --help` answers at once.
"""

import os

# numpy's threads would fight the event loop for two cores: with one, a turn takes a third of the CPU
# (tests/bench/turn.py). It counts only if it is set before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import typer

from service.cli.ask import ask
from service.cli.doctor import doctor
from service.cli.eval import eval_
from service.cli.ingest import ingest
from service.cli.serve import serve

app = typer.Typer(
    name="faqbot",
    help="公众号客服机器人：用店铺自己的问答回答顾客，拿不准就转人工。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve)
app.command()(ingest)
app.command()(ask)
app.command(name="eval")(eval_)
app.command()(doctor)


def main() -> None:
    """The console script."""
    app()
