"""The command line: ``ballast COMMAND``.

Commands are imported when they are used, so that ``ballast --help`` answers at once. Exit codes:
0 success, 2 bad usage or bad input (exactly one line on stderr), 1 the thing itself failed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from ballast import __version__
from ballast.errors import BallastError

__all__ = ["group", "main"]

#: Commands in the order of the help, each in ``ballast.commands.<name>`` as ``command``.
COMMANDS = {
    "demo": "the whole system at work on a local chain: a crash, a keeper, a report",
    "up": "a local chain with everything deployed, until Ctrl-C",
    "deploy": "deploy to a network, or resume a half-done deployment",
    "doctor": "what is installed and running, what is not, and how to mend it",
    "accounts": "live accounts, riskiest first",
    "account": "one account: the contract's view beside our own computation",
    "margin": "the margin of a portfolio in a file, by the same integers as the contract",
    "strategies": "the margin of ten well-known strategies under each model",
    "market": "prices and volatility surfaces as a file: from a deployment or an option chain",
    "scenarios": "the scenario table that margins are computed over: show, publish, activate",
    "backtest": "what scenario models forecast over a history, and whether it was right",
    "keeper": "the bot that liquidates unhealthy accounts",
    "bench": "benchmarks side by side with other protocols",
}

_INTERRUPTED = 130


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"ballast.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
)
@click.version_option(__version__, prog_name="ballast")
@click.pass_context
def group(context: click.Context) -> None:
    """Ballast: an on-chain cross-margin protocol and the tools to run it.

    \b
    Example:
      ballast up --port 8545 &
      ballast accounts --riskiest 10
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _complain(message: str) -> None:
    """Exactly one line on stderr."""
    print(f"ballast: {' '.join(message.split())}", file=sys.stderr)


def run(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    try:
        result = group.main(args=None if argv is None else list(argv), prog_name="ballast", standalone_mode=False)
    except BallastError as error:
        _complain(str(error))
        return error.exit_code
    except click.ClickException as error:
        _complain(error.format_message())
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:
        message = _node_failure(error)
        if message is None:
            raise
        _complain(message)
        return 1
    return result if isinstance(result, int) else 0


def _node_failure(error: Exception) -> str | None:
    """A node that fell silent in the middle of a command, in one line; None for anything else."""
    from requests.exceptions import RequestException
    from web3.exceptions import Web3Exception

    if isinstance(error, RequestException | Web3Exception | ConnectionError):
        from ballast.chain.rpc import rpc_error

        return str(rpc_error(error))
    return None


def main() -> NoReturn:
    """Entry point of the ``ballast`` script."""
    sys.exit(run())
