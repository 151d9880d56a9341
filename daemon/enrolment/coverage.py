"""Whether the configured embedder knows everybody."""

from daemon.store import ModelCoverage

REEMBED = "Run `deconvid people reembed`"


def missing_templates(coverage: ModelCoverage) -> str | None:
    """Returns what is not compared because another model made it, None if there is nothing."""
    if not coverage.foreign_templates:
        return None
    templates = coverage.templates + coverage.foreign_templates
    fault = f"{coverage.foreign_templates} of {templates} templates were made by another model"
    if coverage.people_without:
        count = coverage.people_without
        fault += f", and {count} {'person is' if count == 1 else 'people are'} not recognised"
    return fault
