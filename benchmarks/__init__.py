"""Side by side with peers: `make bench-NAME` prints a table and writes results/NAME.jsonl.

Open first: `_table`, what every benchmark shares. A row is a case with one metric; medians of five
runs, the peer on the same documents in the same process wherever there is one.
"""
