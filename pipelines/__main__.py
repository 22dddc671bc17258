"""`python -m pipelines` is `awase`, for children that must run this interpreter."""

from pipelines.cli.entry import main

main()
