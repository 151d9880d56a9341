.PHONY: demo test test-all lint

demo:
	scripts/demo

test:
	scripts/test

test-all:
	scripts/test --all

lint:
	scripts/lint
