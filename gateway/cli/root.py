"""The command itself: finds verbs, loads the one asked for, turns errors into words; must never contain logic."""

import traceback
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NoReturn

import click

from gateway.errors import ForecourtError, Retry

GROUP = "forecourt.verbs"
OWN = {
    "check": "gateway.cli.check:check",
    "cloud": "gateway.cli.cloud:cloud",
    "consent": "gateway.cli.consent:consent",
    "profile": "gateway.cli.profile:profile",
    "outbox": "gateway.cli.outbox:outbox",
    "pki": "gateway.cli.pki:pki",
    "version": "gateway.cli.version:version",
}
SHORT = {
    "demo": "A drive reaches the cloud through an outage, on this machine.",
    "check": "Show every mistake of a settings file, with line and hint.",
    "vehicle": "Head unit: read vehicle signals, keep them, carry them to the cloud.",
    "hub": "Beacon hub: hear the phones and beacons of a showroom.",
    "site": "Showroom: the one machine that hubs report to.",
    "cloud": "Cloud: take in what devices send, once in effect, and answer.",
    "consent": "A guest's yes and no: records, what they allow, who answers for it.",
    "profile": "A guest's profile: what it holds, who may have it, and what it becomes in each model.",
    "outbox": "Look at what a device still holds, beside the running agent.",
    "pki": "Certificates and signing keys for a desk.",
    "sim": "Simulated vehicles, brokers, networks and fleets.",
    "version": "What is installed here.",
}
EXTRAS = {"demo": "sim", "sim": "sim", "vehicle": "vehicle", "hub": "hub", "site": "site", "cloud": "cloud"}
ADVICE = {
    Retry.SOON: "it may well work in a moment: run it again",
    Retry.LATER: "once that is mended, run it again",
}
EPILOG = """\b
Roles:
  vehicle   runs on a head unit beside a KUKSA databroker
  cloud     runs at the far end, beside any MQTT 5 broker
  sim       plays the parts that are missing on a desk
\b
First steps, on one machine and without a car:
  forecourt demo                        watch a drive, an outage, and the books
  forecourt pki dev pki --device car-1  identities for a device and a cloud
  forecourt check car.toml              is this file of settings good?
  forecourt vehicle run --config car.toml
\b
Every verb teaches: forecourt VERB --help
"""


class Told(click.ClickException):
    """An error in words, exit code 2."""

    exit_code = 2


class Verbs(click.Group):
    """Verbs of the gateway and of whoever registers the entry point forecourt.verbs; imports only the one asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Own verbs and those of entry points, in the order in which one learns them."""
        names = {*OWN, *_points()}
        return [name for name in SHORT if name in names] + sorted(names - SHORT.keys())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb; raises Told when it is known and cannot be loaded."""
        point = _points().get(cmd_name)
        if cmd_name not in OWN and point is None:
            return None
        try:
            return _loaded(cmd_name, point)
        except ModuleNotFoundError as error:
            _tell_missing(cmd_name, error)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that is asked for; a mistyped one gets a hint."""
        name = args[0]
        known = self.list_commands(ctx)
        if name not in known and not name.startswith("-"):
            from gateway.config.problems import did_you_mean

            ctx.fail(f"there is no verb {name!r}; {did_you_mean(name, known)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line for each verb, without loading it."""
        with formatter.section("Verbs"):
            formatter.write_dl(
                [(name, SHORT.get(name, "Added by another package.")) for name in self.list_commands(ctx)]
            )

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the verb; what Forecourt raises on purpose becomes a message, with --verbose its trace too."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            _tell_missing(ctx.invoked_subcommand or "", error)
        except ForecourtError as error:
            _tell(ctx, [error], error)
        except BaseExceptionGroup as group:
            told = [error for error in leaves(group) if isinstance(error, ForecourtError)]
            if not told or len(told) != len(list(leaves(group))):
                raise
            _tell(ctx, told, group)


@click.group("forecourt", cls=Verbs, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", is_flag=True, help="Show the trace of an error as well.")
@click.version_option(package_name="forecourt", message="%(prog)s %(version)s")
def main(verbose: bool) -> None:
    """Edge connectivity gateway for vehicles and showrooms.

    An agent reads signals, asks whether they may be kept, seals and numbers them on disk, and carries them to the cloud
    over MQTT 5. Only the cloud's receipt empties the shelf, so nothing that was accepted is lost, and nothing has its
    effect twice. At any time: appended = settled + pending + evicted + expired + purged + quarantined.
    """


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """The errors of a group, however deep."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves(error)
        else:
            yield error


def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in OWN}


def _loaded(name: str, point: EntryPoint | None) -> click.Command:
    if point is None:
        module, _, attribute = OWN[name].partition(":")
        found = getattr(import_module(module), attribute)
    else:
        found = point.load()
    if not isinstance(found, click.Command):
        raise Told(f"the verb {name} of {point.value if point else OWN[name]} is no click command")
    return found


def _tell_missing(verb: str, error: ModuleNotFoundError) -> NoReturn:
    """A module that is not installed: which extra brings it."""
    missing = (error.name or "").partition(".")[0]
    if missing in {"gateway", "vehicle_agent", "showroom_agent", "simulators"}:
        raise Told(f"`forecourt {verb}` is not part of this installation ({error.name} is missing)") from error
    extra = EXTRAS.get(verb)
    hint = f"install it with: pip install 'forecourt[{extra}]'" if extra else f"install it with: pip install {missing}"
    raise Told(f"`forecourt {verb}` needs {missing}, which is not installed here; {hint}") from error


def _tell(ctx: click.Context, errors: Sequence[ForecourtError], trace: BaseException) -> NoReturn:
    if ctx.params.get("verbose"):
        click.echo("".join(traceback.format_exception(trace)), err=True, nl=False)
    lines = [str(error) or type(error).__name__ for error in errors]
    advice = ADVICE.get(errors[0].retry)
    raise Told("\n".join(dict.fromkeys(lines)) + (f"\n({advice})" if advice else "")) from trace
