"""How to run each worker: one function per kind, each from the settings and the place where the daemon runs.

A new kind of worker adds its function, its line in `make_plans`, and its role in daemon/worker_process.py. A worker
whose plan stays the same is left alone when the configuration is read again: a task holds only what its worker uses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config import ConfigError, Problem, Settings
from daemon.bridges.task import BridgeTask
from daemon.store.master_key import MasterKey
from daemon.worker_process import WorkerPlan
from daemon.workers.task import BusTask, CameraTask, IdentityTask, NetworkTask, VisionTask, WebTask
from engine.manifests import find_model

VISION_HUNG_S = 60.0
"""Loading models on a busy machine takes long; a round of frames does not."""
IDENTITY_HUNG_S = 30.0
WEB_HUNG_S = 30.0
BUS_HUNG_S = 30.0
BRIDGE_HUNG_S = 400.0
"""One delivery may wait three times for the other side, each as long as its time-out of at most 120 s."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the workers meet."""

    settings: Settings
    rings: Mapping[str, Path]
    """The frame ring of each camera that is enabled."""
    fast: bool = False
    """Read video files as fast as they can be analysed."""

    def endpoint(self, name: str) -> str:
        """Returns the ZeroMQ endpoint of that name in the runtime folder."""
        return f"ipc://{self.settings.runtime_folder}/{name}"

    def heartbeat(self, worker: str) -> Path:
        return self.settings.runtime_folder / f"{worker}.heartbeat"


def make_plans(place: Place) -> list[WorkerPlan]:
    """Returns how to run each worker: receivers first, so that nothing is sent to nobody.

    Raises:
        ConfigError: the settings name a model that cannot be used.
    """
    return [
        bus_plan(place),
        identity_plan(place),
        vision_plan(place),
        *web_plans(place),
        *(bridge_plan(place, name) for name in place.settings.bridges),
        *(camera_plan(place, name) for name in place.rings),
    ]


def bus_plan(place: Place) -> WorkerPlan:
    settings = place.settings
    heartbeat = place.heartbeat("bus")
    task = BusTask(
        database=str(settings.database),
        database_url=settings.store_url,
        cursor=str(settings.bus_cursor),
        format=settings.events.format,
        stored=place.endpoint("stored"),
        events=settings.events_endpoint,
        requests=settings.requests_endpoint,
        control=place.endpoint("control"),
        observations=place.endpoint("observations"),
        network=network_task(settings),
        reports=place.endpoint("reports"),
        heartbeat=str(heartbeat),
    )
    return WorkerPlan("bus", "bus", "daemon.workers.bus", task, heartbeat, BUS_HUNG_S)


def network_task(settings: Settings) -> NetworkTask | None:
    network = settings.events.network
    if network is None:
        return None
    keys = str(settings.keys_folder) if network.encryption == "curve" else None
    return NetworkTask(events=network.events_endpoint, requests=network.requests_endpoint, keys=keys)


def identity_plan(place: Place) -> WorkerPlan:
    settings, identity = place.settings, place.settings.identity
    spec = find_model(settings.embedding.model, settings.models)
    threshold = spec.threshold if identity.threshold is None else identity.threshold
    if threshold is None:
        raise ConfigError([Problem("embedding.model", f"{spec.name} is no embedder", "Name an embedder")])
    heartbeat = place.heartbeat("identity")
    task = IdentityTask(
        database=str(settings.database),
        database_url=settings.store_url,
        master_key=MasterKey.of(settings.privacy.master_key, settings.state).handed_on(),
        model=spec.sha256,
        threshold=threshold,
        fpir=identity.fpir,
        strangers_are=identity.strangers_are,
        impostors=spec.impostors.model_dump_json() if spec.impostors and identity.threshold is None else "",
        margin=identity.margin,
        hysteresis=identity.hysteresis,
        least_observations=identity.least_observations,
        nearness=identity.nearness,
        patience=identity.patience,
        observations_endpoint=place.endpoint("observations"),
        stored_endpoint=place.endpoint("stored"),
        keep_days=settings.events.keep_days,
        keep_megabytes=settings.events.keep_megabytes,
        erase_expired_after_days=settings.privacy.erase_expired_after_days,
        snapshots=settings.snapshots.model_dump_json(),
        strangers=settings.strangers.model_dump_json(),
        retention=settings.retention.model_dump_json(),
        reports=place.endpoint("reports"),
        heartbeat=str(heartbeat),
    )
    return WorkerPlan("identity", "identity", "daemon.workers.identity", task, heartbeat, IDENTITY_HUNG_S)


SEEN_BY_VISION: dict[str, Any] = {
    **dict.fromkeys(("state", "models", "detection", "embedding", "tracking"), True),
    "snapshots": {"of", "quality", "size_px", "most_per_track"},
    "strangers": {"enabled"},
}
"""Settings that the vision worker uses: it loses its tracks whenever one of them changes."""


def vision_plan(place: Place) -> WorkerPlan:
    heartbeat = place.heartbeat("vision")
    task = VisionTask(
        settings=place.settings.model_dump_json(include=SEEN_BY_VISION),
        rings={name: str(path) for name, path in place.rings.items()},
        frames=place.endpoint("frames"),
        closer=place.endpoint("closer"),
        observations=place.endpoint("observations"),
        reports=place.endpoint("reports"),
        heartbeat=str(heartbeat),
    )
    return WorkerPlan("vision", "vision", "daemon.workers.vision", task, heartbeat, VISION_HUNG_S)


def camera_plan(place: Place, name: str) -> WorkerPlan:
    camera = place.settings.cameras[name]
    heartbeat = place.heartbeat(f"camera-{name}")
    task = CameraTask.of(
        name,
        camera,
        ring=place.rings[name],
        frames=place.endpoint("frames"),
        observations=place.endpoint("observations"),
        reports=place.endpoint("reports"),
        heartbeat=heartbeat,
        closer=place.endpoint("closer"),
        fast=place.fast,
    )
    # libav may hold a reader for twice its time-out before it lets go (reference: a stalled TCP stream).
    hung_after_s = camera.open_timeout_s + 2 * camera.read_timeout_s + 5
    module = "daemon.workers.camera"
    return WorkerPlan("camera", f"camera-{name}", module, task, heartbeat, hung_after_s, is_file=camera.kind == "file")


def bridge_plan(place: Place, name: str) -> WorkerPlan:
    worker = f"bridge-{name}"
    heartbeat = place.heartbeat(worker)
    task = BridgeTask.of(
        place.settings,
        name,
        stored=place.endpoint("stored"),
        reports=place.endpoint("reports"),
        heartbeat=str(heartbeat),
    )
    return WorkerPlan("bridge", worker, "daemon.workers.bridge", task, heartbeat, BRIDGE_HUNG_S, essential=False)


def web_plans(place: Place) -> list[WorkerPlan]:
    address = place.settings.web.address
    if address is None:
        return []
    heartbeat = place.heartbeat("web")
    task = WebTask(
        host=address.host,
        port=address.port,
        runtime=str(place.settings.runtime_folder),
        heartbeat=str(heartbeat),
        reports=place.endpoint("reports"),
    )
    return [WorkerPlan("web", "web", "daemon.workers.web", task, heartbeat, WEB_HUNG_S, essential=False)]
