"""The main job, once, on real text. Open first: `run.run_demo`, the steps in order.

run.py       the six steps; each finds what an earlier run finished
server.py    the real server as a child process
training.py  ranks, digest of the global stream, hold-out loss
bigram.py    the model
"""
