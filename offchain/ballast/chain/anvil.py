"""A local chain: finds the native anvil binary, runs it, and never leaves it behind.

``Anvil`` runs the node under a small shell supervisor in a session of its own, so that Ctrl-C
reaches Python only. The node ends on leaving the ``with`` block, on ``stop()`` and at interpreter
exit; and when this process dies without a word (SIGKILL, a crash), the pipe between the two closes
and the supervisor kills the node. No thread and no ``preexec_fn`` is involved.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ballast.errors import NodeError, RpcError, UsageError

__all__ = ["DEFAULT_MNEMONIC", "GAS_LIMIT", "Anvil", "find_anvil", "free_port"]

#: The well-known development mnemonic; never holds anything of value.
DEFAULT_MNEMONIC = "test test test test test test test test test test test junk"
GAS_LIMIT = 60_000_000
HARDFORK = "prague"
#: Address space a node may use, in bytes. Beyond it anvil aborts instead of taking the machine.
MEMORY_LIMIT = 8 * 2**30
START_SECONDS = 20.0
#: A node that forks must first ask its upstream for the fork block.
FORK_START_SECONDS = 60.0
STOP_SECONDS = 3.0
_ATTEMPTS = 5

# Arguments: memory limit in KiB, folder, log, command. A line on standard input asks for an orderly
# end; end of file means that the owner died.
_SUPERVISOR = """
ulimit -v "$1" 2>/dev/null
folder=$2 log=$3
shift 3
exec 3<&0
"$@" </dev/null 3<&- >"$log" 2>&1 &
node=$!
echo "$node" >"$folder/pid"
(
  if read -r _ <&3; then kill "$node"
  else trap "" TERM; kill -9 "$node"; rm -rf -- "$folder"; fi
) &
watcher=$!
exec 3<&-
wait "$node"; code=$?
kill "$watcher"
exit "$code"
"""


def find_anvil(start: Path | None = None) -> Path:
    """The native anvil binary.

    Looks at ``ANVIL_PATH``; at ``node_modules`` beside ``start``, this package or the current
    folder, or above them; beside the running Python; then at ``PATH``. npm's JavaScript launcher
    is passed over for the native file, which starts 0.1 s faster and takes signals itself.

    Raises ``UsageError`` when there is none, or when ``ANVIL_PATH`` is not executable.
    """
    if named := os.environ.get("ANVIL_PATH"):
        if os.access(named, os.X_OK) and Path(named).is_file():
            return Path(named)
        raise UsageError(f"ANVIL_PATH: {named} is not an executable file; give anvil's full path")
    inside = Path("node_modules", "@foundry-rs", f"anvil-{_npm_platform()}", "bin", "anvil")
    seen: set[Path] = set()
    for origin in (start, Path(__file__).resolve().parent, Path.cwd()):
        if origin is None:
            continue
        for folder in (origin, *origin.parents):
            if folder not in seen and os.access(folder / inside, os.X_OK):
                return folder / inside
            seen.add(folder)
    beside = Path(sys.executable).with_name("anvil")
    if os.access(beside, os.X_OK):
        return beside
    if found := shutil.which("anvil"):
        return Path(found)
    raise UsageError(
        "anvil: not found in node_modules, ANVIL_PATH or PATH; run `make setup`, or install "
        "the npm package @foundry-rs/anvil and set ANVIL_PATH"
    )


def _npm_platform() -> str:
    """The platform part of npm's package name, such as ``linux-amd64``."""
    machine = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    return f"{sys.platform}-{machine.get(platform.machine().lower(), platform.machine())}"


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _port_is_taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def _listens(path: Path) -> bool:
    """Whether somebody listens on a Unix socket: its file is there a moment before."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


class Anvil:
    """One anvil process. Use it as a context manager, or call ``start()`` and ``stop()``.

    Parameters
    ----------
    port:
        TCP port; None takes a free one. A port that is in use is a ``UsageError``.
    chain_id:
        Chain id the node answers with; with ``fork_url`` None keeps the upstream's.
    fork_url, fork_block:
        Fork from this node at this block (default: its latest).
    block_time:
        Seconds between blocks; None mines each transaction at once.
    mining:
        False mines only on ``evm_mine``.
    gas_limit:
        Block gas limit.
    hardfork, mnemonic, accounts, balance, timestamp:
        As anvil's options of these names; ``balance`` is in whole ETH per account,
        ``timestamp`` is the genesis time in Unix seconds.
    history:
        True keeps the state of past blocks in memory, which queries "at block N" need. False
        keeps none (snapshots still work): right for long simulations.
    ipc:
        True also listens on a Unix socket, ``ipc_path``: about ten times faster than HTTP.
    memory_limit:
        Bytes of address space (Linux only); None is no limit.
    log_path:
        Where the node's output goes; None uses a temporary file that ``stop()`` removes.
    extra_args:
        Further command line arguments, passed on as they are.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        chain_id: int | None = 31337,
        fork_url: str | None = None,
        fork_block: int | None = None,
        block_time: float | None = None,
        mining: bool = True,
        gas_limit: int = GAS_LIMIT,
        hardfork: str = HARDFORK,
        mnemonic: str = DEFAULT_MNEMONIC,
        accounts: int = 10,
        balance: int = 10_000,
        timestamp: int | None = None,
        history: bool = True,
        ipc: bool = False,
        memory_limit: int | None = MEMORY_LIMIT,
        host: str = "127.0.0.1",
        log_path: Path | None = None,
        extra_args: Sequence[str] = (),
    ) -> None:
        if port is not None and not 0 < port < 65536:
            raise UsageError(f"port: {port} is out of range; give 1 to 65535")
        if fork_url is None and fork_block is not None:
            raise UsageError("fork_block: needs fork_url; there is nothing to fork from")
        if not mining and block_time is not None:
            raise UsageError("block_time: does not go with mining=False; choose one")
        self.host = host
        self.chain_id = chain_id
        self.mnemonic = mnemonic
        self._wanted_port = port
        self._port = port
        self._fork_url = fork_url
        self._memory_limit = memory_limit
        self._wanted_log = log_path
        self._wants_ipc = ipc
        self._arguments = ["--gas-limit", str(gas_limit), "--hardfork", hardfork]
        self._arguments += ["--mnemonic", mnemonic, "--accounts", str(accounts)]
        self._arguments += ["--balance", str(balance), "--quiet"]
        if chain_id is not None:
            self._arguments += ["--chain-id", str(chain_id)]
        if fork_url is not None:
            self._arguments += ["--fork-url", fork_url, "--no-storage-caching"]
        if fork_block is not None:
            self._arguments += ["--fork-block-number", str(fork_block)]
        if block_time is not None:
            self._arguments += ["--block-time", str(block_time)]
        if not mining:
            self._arguments += ["--no-mining"]
        if timestamp is not None:
            self._arguments += ["--timestamp", str(timestamp)]
        if not history:
            self._arguments += ["--prune-history"]
        self._arguments += list(extra_args)
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    # ------------------------------------------------------------------ what it is

    @property
    def port(self) -> int:
        """The TCP port; ``NodeError`` before ``start()`` when none was asked for."""
        if self._port is None:
            raise NodeError("anvil: has no port yet; call start() first")
        return self._port

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def ipc_path(self) -> Path:
        """The Unix socket; ``NodeError`` unless started with ``ipc=True``."""
        if self._folder is None or not self._wants_ipc:
            raise NodeError("anvil: has no socket; start it with ipc=True")
        return self._folder / "anvil.ipc"

    @property
    def pid(self) -> int | None:
        """Process id of the node while running, else None."""
        if self._folder is None or not self.running:
            return None
        return int((self._folder / "pid").read_text())

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log_path(self) -> Path | None:
        """File with the node's output; None when it is not running and no path was given."""
        if self._wanted_log is not None:
            return self._wanted_log
        return self._folder / "anvil.log" if self._folder is not None else None

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the node's output, "" when there is none."""
        path = self.log_path
        if path is None or not path.exists():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16_384))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])

    def rpc(self, method: str, *params: Any, timeout: float = 30.0) -> Any:
        """Calls one JSON-RPC method and returns its result; ``RpcError`` on any failure."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        request = urllib.request.Request(self.url, body.encode(), {"Content-Type": "application/json"})
        # Straight to the loopback address, whatever proxy the environment names.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout) as response:
                answer = json.load(response)
        except (OSError, ValueError) as error:
            raise RpcError(f"{self.url}: {method}: {error}") from error
        if "error" in answer:
            raise RpcError(f"{self.url}: {method}: {answer['error'].get('message')}")
        return answer["result"]

    # ------------------------------------------------------------------ life cycle

    def start(self) -> Anvil:
        """Starts the node and waits until it answers.

        Raises ``UsageError`` (no binary, port in use, fork source not reachable) or ``NodeError``.
        """
        if self.running:
            return self
        binary = find_anvil()
        if self._wanted_port is not None and _port_is_taken(self.host, self._wanted_port):
            raise UsageError(f"port {self._wanted_port}: in use on {self.host}; choose another")
        self._folder = Path(tempfile.mkdtemp(prefix="ballast-anvil-"))
        atexit.register(self.stop)
        try:
            for attempt in range(1, _ATTEMPTS + 1):
                self._port = self._wanted_port or free_port(self.host)
                self._spawn(binary)
                if self._wait_until_ready():
                    return self
                # Another process may have taken the free port in between: try the next one.
                if self._wanted_port is not None or attempt == _ATTEMPTS or self._fork_url:
                    break
            raise self._failure()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends the node and removes temporary files. Safe to call twice."""
        atexit.unregister(self.stop)
        self._end_process()
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        self._port = self._wanted_port

    def __enter__(self) -> Anvil:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # ------------------------------------------------------------------ internals

    def _spawn(self, binary: Path) -> None:
        assert self._folder is not None
        self._end_process()
        command = [str(binary), "--host", self.host, "--port", str(self.port), *self._arguments]
        command += ["--cache-path", str(self._folder / "cache")]
        if self._wants_ipc:
            command += ["--ipc", str(self._folder / "anvil.ipc")]
        log_path = self.log_path
        assert log_path is not None
        log_path.parent.mkdir(parents=True, exist_ok=True)
        limit = "unlimited" if self._memory_limit is None else str(self._memory_limit // 1024)
        bypass = f"{self.host},{os.environ.get('NO_PROXY', '')}"
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _SUPERVISOR, "node-keeper", limit, self._folder, log_path.resolve(), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=self._folder,
            env=os.environ | {"NO_PROXY": bypass, "no_proxy": bypass},
        )

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        try:
            process.stdin.write(b"\n")
            process.stdin.flush()
            process.wait(STOP_SECONDS)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            pass
        finally:
            if process.poll() is None:
                # The supervisor leads a group of its own: this takes the node along.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()

    def _wait_until_ready(self) -> bool:
        """True once the node answers with its chain id, on its socket too; False when it has ended."""
        assert self._process is not None
        seconds = FORK_START_SECONDS if self._fork_url else START_SECONDS
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            try:
                answered = int(self.rpc("eth_chainId", timeout=2.0), 16)
            except RpcError:
                time.sleep(0.02)
                continue
            if not self.running:
                return False
            if self._wants_ipc and not _listens(self.ipc_path):
                time.sleep(0.02)
                continue
            if self.chain_id is None:
                self.chain_id = answered
            return True
        raise NodeError(f"anvil: no answer on {self.url} within {seconds:.0f} s")

    def _failure(self) -> UsageError | NodeError:
        """Turns the node's last words into one line."""
        lines = [line.strip() for line in self.log_tail().splitlines() if line.strip()]
        words = " ".join(lines)[:300] or "no output"
        if "already in use" in words:
            return UsageError(f"port {self._port}: in use on {self.host}; choose another")
        if self._fork_url is not None:
            return UsageError(f"fork: cannot fork from {self._fork_url}: {words}")
        code = self._process.returncode if self._process is not None else None
        return NodeError(f"anvil: ended with code {code} at start: {words}")
