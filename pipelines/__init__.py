"""The composition root: recipes, executors, the tokenizers, the report, the demo, the command line.

It wires everything; nothing imports it. Open first: `pipelines.demo`, which runs the main job.
"""
