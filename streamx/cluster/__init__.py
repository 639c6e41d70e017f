"""Runs of a job on a cluster: the input in splits, each run by a worker that reads it itself.

    bodies.py       where the records of each file start
    transition.py   what a range of a file does to the state of its records, whatever that is
    scan.py         reads a range for that, on a worker
    splits.py       ranges become splits of whole records, with their first lines
    split_run.py    runs a split, on a worker
    parts.py        the drafts that this writes
    coordinator.py  has all that done, a bounded number of splits at a time
    counted.py      how limits count what is in flight
    acceptance.py   judges what comes of it, in order, and has it put in its place
    output.py       gives drafts their names; manifest.py tells of them
    folders.py      where they are, on disk, or in S3: stored_folder.py
    calls.py        what it asks of a cluster, and dask.py, which is one
    dask_opening.py finds or starts that
    run.py          a run, from its options to its report

Everything that crosses the cluster is small: where to read, the plan, and counts.
"""
