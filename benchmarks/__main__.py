"""`python -m benchmarks NAME [options]`, where a NAME is a module of this folder."""

import runpy
import sys

NAMES = (
    *("cells", "composition_intervals", "composition_sizes", "compositions", "corpus", "covering"),
    *("all", "dirichlet_speed", "fit_overhead", "growth", "images"),
    *("crash_points", "gpu", "gradients", "hostile_files", "hostile_models", "mutants"),
    *("odd_data", "planted_topics", "planted_trends", "processes", "reliability", "scaling"),
    *("topic_search", "topic_size", "topics", "topic_frontier", "training_step"),
)

if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
    sys.exit(f"usage: python -m benchmarks {{{','.join(NAMES)}}} [--help]")
name = sys.argv.pop(1)
runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=True)
