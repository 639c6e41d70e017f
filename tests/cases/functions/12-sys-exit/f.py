import sys


def f(record):
    sys.exit(0)
