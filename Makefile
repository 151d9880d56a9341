.PHONY: demo test test-all lint reference

demo:
	scripts/demo

test:
	scripts/test

test-all:
	scripts/test --all

lint:
	scripts/lint

reference:
	.venv/bin/deconvid config schema > config/schema.json.part && mv config/schema.json.part config/schema.json
	.venv/bin/deconvid config reference > docs/configuration.md.part && mv docs/configuration.md.part docs/configuration.md
