"""`deconvid keys`: who may listen and control from other machines."""

import json
import socket
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from config import NetworkSettings, Settings, load_settings
from config.events import tcp_endpoint
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, err, out, print_table, told_errors
from daemon.events.errors import KeysError
from daemon.events.keys import KeyFolder, KeyPair, Role
from daemon.private_files import create_private
from deconvid_client.keys import KeyFile

app = typer.Typer(
    help="Let programs on other machines in, and shut them out.", no_args_is_help=True, add_completion=False
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What this client is called here and in the audit.")]


@app.command()
def new(
    name: NameArgument,
    to: Annotated[Path, typer.Option("--out", help="Write the client's secret file here; it must not exist.")],
    role: Annotated[Role, typer.Option(help="An operator may also control the daemon.")] = "subscriber",
    host: Annotated[str | None, typer.Option(help="Name or address by which the client reaches this machine.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make a key for a client, and the one file that it needs."""
    with told_errors():
        settings = load_settings(config, secrets=False)
        network = _network(settings)
        guessed = host is None
        host = host or _reachable_at(network)
        folder, pair = KeyFolder(settings.keys_folder), KeyPair.generate()
        key_file = KeyFile(
            name=name,
            role=role,
            events=tcp_endpoint(host, network.port),
            requests=tcp_endpoint(host, network.requests),
            server_key=folder.server().public_key,
            public_key=pair.public_key,
            secret_key=pair.secret_key,
        )
        folder.add(name, pair.public_key, role)
        try:
            create_private(to, key_file.to_json().encode())
        except OSError as error:
            folder.revoke(name)
            raise KeysError(f"{to}: cannot be written ({error.strerror}). Name a new file with --out") from error
    out.print(f"{name}: {role}, may connect in a second. Take {escape(str(to))} to the client", soft_wrap=True)
    if guessed:
        err.print(f"It says that this machine is {escape(host)}; give --host if that is wrong", soft_wrap=True)


@app.command("list")
def list_keys(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the clients that may connect."""
    with told_errors():
        clients, faults = KeyFolder(load_settings(config, secrets=False).keys_folder).clients()
    for fault in faults:
        err.print(f"[yellow]warning:[/yellow] {escape(str(fault))}", soft_wrap=True)
    if as_json:
        out.print_json(json.dumps([msgspec.to_builtins(client) for client in clients]))
        return
    table = Table("name", "role", "created (UTC)", "public key")
    for client in clients:
        table.add_row(client.name, client.role, client.created_at, escape(client.public_key))
    if clients:
        print_table(table)
    else:
        err.print("no client may connect; `deconvid keys new NAME --out FILE` lets one in", soft_wrap=True)


@app.command()
def revoke(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Shut a client out; a running daemon cuts its connections within two seconds."""
    with told_errors():
        KeyFolder(load_settings(config, secrets=False).keys_folder).revoke(name)
    out.print(f"{name}: revoked")


@app.command()
def server(
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make a new key; every client then needs the new one in its file.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Print the daemon's public key."""
    with told_errors():
        folder = KeyFolder(load_settings(config, secrets=False).keys_folder)
        key = folder.rotate_server() if rotate else folder.server()
    typer.echo(key.public_key)


def _network(settings: Settings) -> NetworkSettings:
    network = settings.events.network
    if network is None:
        raise KeysError(
            "this configuration lets no other machine listen, and programs on this one need no key. "
            'Add a section [events.network] with address = "0.0.0.0"'
        )
    if network.encryption != "curve":
        raise KeysError('events.network.encryption is none, so nobody needs a key. Set it to "curve"')
    return network


def _reachable_at(network: NetworkSettings) -> str:
    return socket.getfqdn() if network.address.is_unspecified else str(network.address)
