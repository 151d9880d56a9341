"""Whether the configured embedder knows everybody who is enrolled."""

import os
from collections.abc import Iterator

from config import Settings
from daemon.doctor.finding import Finding
from daemon.enrolment.coverage import REEMBED, missing_templates
from daemon.errors import StoreError
from daemon.store import Store
from engine import ModelError
from engine.manifests import find_model


def examine_people(settings: Settings) -> Iterator[Finding]:
    if settings.store_url is None and not os.path.exists(settings.database):
        return
    try:
        model = find_model(settings.embedding.model, settings.models)
        with Store.to_read(settings) as store:
            coverage = store.templates.coverage(model.sha256)
    except ModelError:
        return  # the configuration's own problem
    except StoreError as error:
        fault, _, fix = str(error).partition(". ")
        yield Finding("people", "store", "fail", fault, fix)
        return
    if missing := missing_templates(coverage):
        yield Finding("people", "templates", "warn", missing, REEMBED)
    else:
        yield Finding("people", "templates", "ok", f"{coverage.templates} templates, all of {model.name}")
