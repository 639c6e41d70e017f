"""Runs of a job on a cluster: the input in splits, each run by a worker that reads it itself.

    inputs.py       the files behind an INPUT
    transition.py   what a range of a file does to the state of its records, whatever that is
    splits.py       ranges become splits of whole records, with their first lines

Everything that crosses the cluster is small: where to read, the plan, and counts.
"""
