"""Journals as versions of this program wrote them, one for each plan, stopped at every entry.

They are kept for ever: a later version replays them (`test_replay.py`). `python -m tests.corpus.record`
adds what is missing and never writes over a journal; where a decision is meant to change, `--decisions`
writes the decisions anew.
"""
