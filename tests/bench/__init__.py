"""What the service costs, each figure against a yardstick that is measured in the same run.

    python -m tests.bench.start      process start to ready
    python -m tests.bench.turn       one turn without a model, through HTTP
    python -m tests.bench.burst      many shoppers at once, a slow model
    python -m tests.bench.ingest     1,000 entries: a new version, one changed file, memory

Each prints a table, or one JSON object with `--json`, and says in its first lines what it measures and how. They are
no part of the test suite: times depend on the machine, so read the ratios.
"""
