"""Runs of a job on a cluster: the input in splits, each run by a worker that reads it itself.

    inputs.py       the files behind an INPUT
    transition.py   what a range of a file does to the state of its records, whatever that is
    scan.py         reads a range for that, on a worker
    splits.py       ranges become splits of whole records, with their first lines
    split_run.py    runs a split, on a worker
    parts.py        the files that this writes

Everything that crosses the cluster is small: where to read, the plan, and counts.
"""
