"""The HTTP service: thin routes over `mixtures` and the engine. Open first: `api.app`."""
